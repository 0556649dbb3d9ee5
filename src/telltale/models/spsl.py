"""SPSL, spatial-phase shallow learning (Liu et al., CVPR 2021): Xception with the picture's phase as a fourth
channel.

Upsampling, which most forgeries end in, leaves traces in the phase spectrum; a shallow trunk looks at
textures rather than at faces. 20,811,338 parameters with the whole trunk, 7,899,530 with the shallow one
(blocks 4 to 11 left out). The authors released no code; facts from DeepfakeBench 8a4a7bf, whose default is
the whole trunk. The paper's exact depth was not verified.
"""

import torch
from torch import Tensor, nn

from telltale import config
from telltale.config.detectors import SpslSettings
from telltale.models import xception
from telltale.models.detector import Detector
from telltale.models.inputs import Normalise, full_precision
from telltale.models.weights import Tower


def phase_channel(pictures: Tensor, norm: str = "backward") -> Tensor:
    """Pictures (B, C, H, W) → float32 (B, 1, H, W): what is left of their grey when every amplitude of its
    spectrum is one.

    norm: of the inverse transform. "backward", as in the public code, gives a channel with the mean square 1
    / (H * W): its standard deviation at 256 x 256 is 0.004, beside about 0.4 of the colours. "ortho" gives
    one with the mean square 1.
    """
    # Half precision has no FFT, and the phase of a small amplitude would drown in its rounding.
    with full_precision(pictures):
        phase = torch.fft.fft2(pictures.float().mean(1, keepdim=True)).angle()
        return torch.fft.ifft2(torch.polar(torch.ones_like(phase), phase), norm=norm).real


class Spsl(Detector):
    """trunk: "full" or "shallow"; norm: of the phase channel, "backward" or "ortho"."""

    def __init__(self, picture: Tower, trunk: str, norm: str = "backward") -> None:
        super().__init__(2048, picture.provenance)
        self.norm = norm
        self.normalise = Normalise(picture.mean, picture.std)
        self.backbone = network = picture.network
        grey = network.conv1.weight.detach().mean(1, keepdim=True)  # type: ignore[union-attr, operator]
        network.conv1 = xception.widened(network.conv1, grey.expand(-1, 4, -1, -1))  # type: ignore[arg-type]
        self.last = 11
        if trunk == "shallow":
            self.last = 3
            for number in range(4, 12):
                delattr(network, f"block{number}")
        self.head = nn.Linear(2048, 2)

    def features(self, pictures: Tensor) -> Tensor:
        pictures = self.normalise(pictures)
        maps = xception.stem(
            self.backbone, torch.cat([pictures, phase_channel(pictures, self.norm).to(pictures.dtype)], 1)
        )
        maps = xception.blocks(self.backbone, maps, 1, self.last)
        return xception.ending(self.backbone, xception.blocks(self.backbone, maps, 12, 12)).mean((2, 3))


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> Spsl:
    """SPSL on `settings.spsl_trunk`, its phase channel scaled by `settings.spsl_norm`."""
    assert isinstance(settings, SpslSettings)
    return Spsl(
        xception.trunk(settings, clip, initialise=initialise), settings.spsl_trunk, settings.spsl_norm
    )
