"""`frame_cnn`: any timm backbone over the frames of a clip; their features are pooled, then one linear layer decides."""

import torch
from torch import Tensor, nn

from telltale import config
from telltale.models.inputs import Normalise
from telltale.models.pooling import pooling
from telltale.models.weights import Tower, backbone


class FrameCnn(nn.Module):
    """Frame by frame, so that it knows no motion: the first thing a model that does has to beat."""

    def __init__(self, picture: Tower, pool: str, dropout: float) -> None:
        super().__init__()
        self.normalise = Normalise(picture.mean, picture.std)
        self.backbone = picture.network
        self.pooling = pooling(pool, picture.width)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(picture.width, 1))
        self.provenance = {"picture": picture.provenance}

    def forward(self, pictures: Tensor, mel: Tensor | None, has_picture: Tensor, has_sound: Tensor) -> Tensor:
        """Pictures (N, T, 3, H, W) in [0, 1] → logit (N,) of forged. Reads nothing else, not even whether the clip has them."""
        clips, frames = pictures.shape[:2]
        features = self.backbone(self.normalise(pictures.flatten(0, 1))).unflatten(0, (clips, frames))
        every = torch.ones(clips, frames, dtype=torch.bool, device=features.device)
        return self.head(self.pooling(features, every)).squeeze(1).float()


def build(settings: config.Model, mel: config.Mel, clip: config.Clip, *, initialise: bool) -> FrameCnn:
    """`settings.picture_backbone` over pictures of `clip.image_size`, with `settings.pooling`."""
    size = (clip.image_size, clip.image_size)
    return FrameCnn(backbone(settings, "picture", size, initialise=initialise), settings.pooling, settings.dropout)
