"""What is left of a picture without its content, where generating and blending leave traces.

    front = Residuals("all")
    maps, levels = front(crops)      # (B, C, P, P) and (B, C), C = front.channels

All of it is computed in float32 under autocast too: half precision rounds the grain away.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, softsign

from telltale.models.inputs import full_precision
from telltale.models.lav import srm_kernels
from telltale.models.spsl import phase_channel

CHANNELS = {"off": 3, "srm": 3, "npr": 3, "fixed": 6, "learnt": 6, "phase": 1, "all": 10}
PARTS = {"fixed": ("srm", "npr"), "all": ("learnt", "npr", "phase")}
KNEE = 4.0  # levels of 255 at which a residual has half of its largest value


class Residuals(nn.Module):
    """Pictures (B, 3, P, P) in [0, 1] → float32 (B, C, P, P) in about [-1, 1] and the strength of each
    channel, float32 (B, C).

    kind: "srm", three fixed kernels of the spatial rich model (Fridrich and Kodovsky, TIFS 2012) over the
    grey picture; "learnt", six kernels that begin as these and their transposes and keep a mean of zero
    (after Bayar and Stamm, 2016); "npr", differences of neighbouring pixels, per colour (Tan et al., CVPR
    2024); "fixed", both; "phase", the picture with every amplitude one (Liu et al., SPSL, CVPR 2021); "all",
    the learnt kernels, npr and phase; "off", the colours themselves.
    """

    fixed: Tensor

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.channels = kind, CHANNELS[kind]
        kernels = srm_kernels()[:, :1].clone()  # (3, 1, 5, 5)
        self.register_buffer("fixed", kernels, persistent=False)
        self.kernels = None
        if kind in ("learnt", "all"):
            # Two of the three are symmetric: so their second copies begin a little apart.
            second = kernels.transpose(2, 3) + 0.05 * torch.randn(kernels.shape)
            self.kernels = nn.Parameter(torch.cat([kernels, second]))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        with full_precision(pictures):
            pictures = pictures.float()
            if self.kind == "off":
                maps = 2 * pictures - 1
                return maps, maps.abs().mean((2, 3))
            maps = torch.cat([self.found(name, pictures) for name in self.parts()], 1)
            levels = (maps.abs().mean((2, 3)) + 0.01).log() / 2 + 1
            return maps, levels

    def parts(self) -> tuple[str, ...]:
        return PARTS.get(self.kind, (self.kind,))

    def found(self, name: str, pictures: Tensor) -> Tensor:
        """One kind of residual."""
        if name == "phase":
            return softsign(phase_channel(pictures, "ortho"))
        if name == "npr":
            return softsign((255 / KNEE) * neighbours(pictures))
        kernels = self.fixed
        if name == "learnt":
            assert self.kernels is not None
            kernels = self.kernels - self.kernels.mean((2, 3), keepdim=True)
        grey = pictures.mean(1, keepdim=True)
        # The edge is repeated: zeros beyond it would be the strongest edge of all.
        grey = nn.functional.pad(grey, (2, 2, 2, 2), mode="replicate")
        return softsign((255 / KNEE) * conv2d(grey, kernels))


def neighbours(pictures: Tensor) -> Tensor:
    """Each pixel less the first one of its 2 x 2 square, (B, 3, P, P)."""
    height, width = pictures.shape[2:]
    half = pictures[:, :, ::2, ::2]
    return pictures - interpolate(half, scale_factor=2.0, mode="nearest")[:, :, :height, :width]
