"""A clip of zeros, for whoever walks a model to see what it is made of."""

import torch
from torch import Tensor

from telltale import config
from telltale.data.clip import frame_times
from telltale.data.mel import n_columns, n_rows


def blank_clip(
    mel: config.MelSettings, clip: config.ClipSettings, device: torch.device, reads: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """The arguments of a model's call for one clip of these settings, by name: pictures, mel image, whether
    it has either, the times of its frames; if `reads` has "native" or "mouth", crops or lower faces too."""
    present = torch.ones(1, dtype=torch.bool, device=device)

    def times(count: int) -> Tensor:
        return torch.from_numpy(frame_times(0.0, clip.seconds, count)).float().to(device).unsqueeze(0)

    found = {
        "pictures": torch.zeros(1, clip.frames, 3, clip.image_size, clip.image_size, device=device),
        "mel": torch.zeros(1, n_rows(mel), n_columns(mel, clip.seconds), device=device),
        "has_picture": present,
        "has_sound": present,
        "frame_seconds": times(clip.frames),
    }
    if "native" in reads and clip.native_size is not None:
        size = clip.native_size
        found["crops"] = torch.zeros(1, clip.frames, 3, size, size, device=device)
    if "mouth" in reads and clip.mouth_frames:
        count, size = clip.mouth_frames, clip.mouth_size
        found["mouth"] = torch.zeros(1, count, size, size, device=device)
        found["mouth_seconds"] = times(count)
    return found
