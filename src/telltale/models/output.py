"""What models return: `Output` for clips, `FrameOutput` for single frames.

    output = model(**inputs)                      # logit, heads and features, which cost nothing more
    output = model(**inputs, want=("maps",))      # forgery maps too, if the detector has them

Both types are named tuples of tensors, so that DistributedDataParallel, torch.compile and torch.export take
them as they are. Which fields are filled never changes the logit.
"""

from typing import Literal, NamedTuple

from torch import Tensor

Want = tuple[Literal["maps", "training"], ...]
"""What a caller asks for because it costs time: "maps", forgery maps; "training", what the detector's own
objective reads."""


class Output(NamedTuple):
    """What a model says of N clips.

    logit: float32 (N,), the logit of forged
    heads: name → float32 (N,), the logit of each further head, such as one modality's; empty if the model has
        no further heads
    maps: float32 (N, T, h, w), the probability that each patch of each frame is forged; None if not asked
        for, or if the detector has no maps
    features: float32 (N, D), what the last layers read: of a model over frames, the frames' features with the
        weights by which the frames' logits become the clip's
    frame_logits: float32 (N, T), the logits of single frames; None if the model has no such logits
    training: what the detector's own objective reads; None if not asked for, or if there is no such objective
    """

    logit: Tensor
    heads: dict[str, Tensor]
    maps: Tensor | None
    features: Tensor
    frame_logits: Tensor | None = None
    training: tuple | None = None


class FrameOutput(NamedTuple):
    """What a frame-level detector says of B pictures.

    logit: float32 (B,), the logit of forged
    features: (B, width), what the head reads
    maps: float32 (B, h, w), the probability that each patch is forged; None as in `Output`
    training: as in `Output`
    """

    logit: Tensor
    features: Tensor
    maps: Tensor | None = None
    training: tuple | None = None
