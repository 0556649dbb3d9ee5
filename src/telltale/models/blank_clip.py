"""A clip of zeros, for whoever walks a model to see what it is made of."""

import torch
from torch import Tensor

from telltale import config
from telltale.data.clip import frame_times
from telltale.data.mel import n_columns, n_rows


def blank_clip(
    mel: config.MelSettings, clip: config.ClipSettings, device: torch.device
) -> tuple[Tensor, ...]:
    """The arguments of a model's call for one clip of these settings: pictures, mel image, whether it has
    either, and the times of its frames."""
    present = torch.ones(1, dtype=torch.bool, device=device)
    pictures = torch.zeros(1, clip.frames, 3, clip.image_size, clip.image_size, device=device)
    image = torch.zeros(1, n_rows(mel), n_columns(mel, clip.seconds), device=device)
    times = torch.from_numpy(frame_times(0.0, clip.seconds, clip.frames)).float().to(device).unsqueeze(0)
    return pictures, image, present, present, times
