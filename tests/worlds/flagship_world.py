"""Small models of `flagship`, and clips for them."""

from typing import Any

import torch
from torch import Tensor

from telltale import config
from telltale.data.mel import n_columns, n_rows
from telltale.models import flagship

MEL = config.MelSettings(n_fft=512, hop_length=160, n_mels=16, linear_bands=16)
CLIP = config.ClipSettings(
    seconds=1.0, frames=3, image_size=64, native_size=32, mouth_frames=10, mouth_size=24
)
SMALL = {
    "picture_backbone": "test_convnext.r160_in1k",
    "width": 16,
    "dropout": 0.0,
    "modality_dropout": 0.0,
    "flagship_depth": 1,
    "flagship_layers": 1,
    "flagship_native_channels": 4,
    "flagship_mouth_channels": 4,
    "flagship_sound_channels": 4,
    "flagship_step_hz": 10.0,
    "flagship_reach_seconds": 0.3,
}


def settings(**changes: object) -> config.ModelSettings:
    """Section `model` of a small flagship."""
    return config.ModelSettings.model_validate({"name": "flagship", **SMALL, **changes})


def build(seed: int = 0, clip: config.ClipSettings = CLIP, **changes: object) -> flagship.Flagship:
    """A small flagship with weights from the seed. changes: of section `model`."""
    torch.manual_seed(seed)
    return flagship.build(settings(**changes), MEL, clip, initialise=True)


def batch(count: int, seed: int = 1, clip: config.ClipSettings = CLIP) -> dict[str, Any]:
    """The arguments for clips of noise that have pictures and sound."""
    draw = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=draw)

    def times(frames: int) -> Tensor:
        return torch.linspace(0, clip.seconds, frames).repeat(count, 1)

    there, size = torch.ones(count, dtype=torch.bool), clip.native_size or 0
    return {
        "pictures": noise(clip.frames, 3, clip.image_size, clip.image_size),
        "mel": noise(n_rows(MEL), n_columns(MEL, clip.seconds)) * 100 - 90,
        "has_picture": there,
        "has_sound": there.clone(),
        "frame_seconds": times(clip.frames),
        "crops": noise(clip.frames, 3, size, size),
        "mouth": noise(clip.mouth_frames, clip.mouth_size, clip.mouth_size),
        "mouth_seconds": times(clip.mouth_frames),
    }


def speaking(count: int, shift: int, seed: int = 0, clip: config.ClipSettings = CLIP) -> dict[str, Any]:
    """Clips whose mouth opens with the sound, or `shift` pictures later: a dark bar that grows, and noise
    that swells."""
    found, draw = batch(count, seed, clip), torch.Generator().manual_seed(seed)
    frames, size = clip.mouth_frames, clip.mouth_size
    level = torch.nn.functional.avg_pool1d(torch.randn(count, 1, frames + 8, generator=draw), 3, 1).squeeze(1)
    level = (0.5 + level).clamp(0, 1)
    opened, loud = level[:, 3 - shift : 3 - shift + frames], level[:, 3 : 3 + frames]
    rows = torch.linspace(-1, 1, size).abs().view(1, 1, size, 1)
    bar = (rows < 0.8 * opened[:, :, None, None]).float().expand(-1, -1, -1, size)
    found["mouth"] = 0.7 - 0.4 * bar + 0.05 * found["mouth"]
    columns = found["mel"].shape[2]
    swell = torch.nn.functional.interpolate(loud.unsqueeze(1), size=columns, mode="linear")
    found["mel"] = -70 + 50 * swell + 0.1 * found["mel"]
    return found
