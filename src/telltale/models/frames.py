"""From frames to video: a clip's score is pooled from its frames'."""

from typing import Any

from torch import Tensor, nn

from telltale.models.detector import Detector
from telltale.models.pooling import FramePooling


class Frames(nn.Module):
    """A frame-level detector over the frames of a clip. It knows no motion: the first thing a model that does has to beat."""

    def __init__(self, detector: Detector, pooling: str, top_k: int) -> None:
        super().__init__()
        self.detector = detector
        self.pooling = FramePooling(pooling, detector.width, top_k)
        self.provenance = {"picture": detector.provenance}

    def forward(
        self,
        pictures: Tensor,
        mel: Tensor | None,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor | None = None,
        *,
        learn: bool = False,
    ) -> Any:
        """Pictures (N, T, 3, H, W) in [0, 1] → logit (N,) of forged. Reads nothing else, not even whether the clip has them.

        learn: give instead what `detector.learn` says of the N * T frames, clip by clip; for losses of frames, and for maps.
        """
        clips, frames = pictures.shape[:2]
        if learn:
            return self.detector.learn(pictures.flatten(0, 1))
        features = self.detector.features(pictures.flatten(0, 1))
        return self.pooling(
            features.unflatten(0, (clips, frames)), self.detector.logits(features).unflatten(0, (clips, frames))
        )
