"""What training minimises, and the error that says it broke."""

from torch import Tensor, float32
from torch.nn import functional


class NonFiniteLoss(ArithmeticError):
    """A loss came out NaN or infinite; the message names the clips of the batch."""


def cross_entropy(logit: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy of each clip, unreduced.

    logit: (N,) float, of forged; target: (N,) float, 1 forged, 0 genuine → (N,) float32, in nats. For a two-class head whose
    logit is z1 - z0 it equals the two-class cross-entropy. Smoothing moves targets to label_smoothing / 2 and 1 minus that,
    as in `torch.nn.CrossEntropyLoss`.
    """
    smooth = target * (1 - label_smoothing) + label_smoothing / 2
    # Half-precision logits lose small losses: the loss is always float32.
    return functional.binary_cross_entropy_with_logits(logit.to(float32), smooth.to(float32), reduction="none")
