"""What the backbones see: pictures and mel images, normalised by the backbone's own mean and standard
deviation.

The scaling is fixed, never relative to the clip or the batch, so a clip's score depends on nothing but the
clip.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

# data/mel.py's floor (silence) and what a full-scale tone hardly passes: they become 0 and 1 of a grey
# picture.
FLOOR_DB, CEILING_DB = -100.0, 40.0


def full_precision(tensor: Tensor) -> AbstractContextManager:
    """Autocast switched off on the tensor's device; nothing to switch off on a device that has none, such as
    "meta"."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class Normalise(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] → (picture - mean) / std per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Not in the state_dict: they are facts of the backbone's name, not of the training.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures - self.mean) / self.std


class MelPicture(nn.Module):
    """Mel image (N, n_mels, L) dB → a normalised picture (N, 3, *size): scaled, resized bilinearly, repeated
    to 3 channels."""

    def __init__(self, normalise: Normalise, size: tuple[int, int]) -> None:
        super().__init__()
        self.normalise, self.size = normalise, size

    def forward(self, mel: Tensor) -> Tensor:
        grey = (mel.unsqueeze(1) - FLOOR_DB) / (CEILING_DB - FLOOR_DB)
        if tuple(grey.shape[-2:]) != self.size:
            grey = interpolate(grey, size=self.size, mode="bilinear", align_corners=False)
        return self.normalise(grey.expand(-1, 3, -1, -1))
