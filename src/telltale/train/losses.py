"""What training minimises, as named terms, and the error that says one broke."""

from dataclasses import dataclass

import torch
from torch import Tensor, float32
from torch.nn import functional


class NonFiniteLoss(ArithmeticError):
    """A loss came out NaN or infinite; the message names the term and the clips of the batch."""


@dataclass(frozen=True)
class Losses:
    """What an objective makes of a batch.

    terms: name → 0-dim float32, a mean over the batch's clips, weighted as it enters the sum that is
    minimised; probability: float32 (K,), what the model gave each of its K clips as the probability of
    forged.
    """

    terms: dict[str, Tensor]
    probability: Tensor

    @property
    def total(self) -> Tensor:
        return torch.stack(list(self.terms.values())).sum()

    def check(self, names: list[str]) -> None:
        """Raise NonFiniteLoss where a term is not finite. names: the batch's videos."""
        for term, value in self.terms.items():
            if not torch.isfinite(value):
                raise NonFiniteLoss(
                    f"the loss's term '{term}' is not finite ({float(value.detach())}) on the batch of "
                    f"{', '.join(names)};"
                    " a lower optim.rate may help"
                )


def cross_entropy(logit: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy of each clip, unreduced.

    logit: (N,) float, of forged; target: (N,) float, 1 forged, 0 genuine → (N,) float32, in nats. For a
    two-class head whose logit is z1 - z0 it equals the two-class cross-entropy. Smoothing moves targets to
    label_smoothing / 2 and 1 minus that, as in `torch.nn.CrossEntropyLoss`.
    """
    smooth = target * (1 - label_smoothing) + label_smoothing / 2
    # Half-precision logits lose small losses: the loss is always float32.
    return functional.binary_cross_entropy_with_logits(
        logit.to(float32), smooth.to(float32), reduction="none"
    )


def squared_error(logit: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Squared error of each clip's probability, unreduced, arguments as of `cross_entropy`: what MesoNet was
    trained with."""
    smooth = target * (1 - label_smoothing) + label_smoothing / 2
    return (torch.sigmoid(logit.to(float32)) - smooth.to(float32)).square()
