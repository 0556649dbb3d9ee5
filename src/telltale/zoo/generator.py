"""Small autoencoders that draw faces, one for each way of upsampling, trained on the drawn people.

Each maps planes of SIDE x SIDE pixels to a face of the same size through a code of SIDE/4 x SIDE/4. A face
generator is given a face and a reference face: it draws the person of the reference with the expression and
the light of the first. A mouth generator is given a face without its lower half, a reference and the lips.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

SIDE = 64
UPSAMPLINGS = ("nearest", "bilinear", "transposed", "shuffle")
INPUTS = {"face": 6, "mouth": 9}  # planes: face and reference; face, reference and three values of the lips
NAMES = tuple(f"{part}_{upsampling}" for part in INPUTS for upsampling in UPSAMPLINGS)
WIDTHS = (16, 32)


class Generator(nn.Module):
    """(B, planes, SIDE, SIDE) in 0..1 → faces (B, 3, SIDE, SIDE) in 0..1.

    As in a U-net (Ronneberger and others, 2015), the planes of half the side go around the code, too.
    """

    def __init__(self, planes: int, upsampling: str) -> None:
        super().__init__()
        half, quarter = WIDTHS
        self.down = nn.Sequential(nn.Conv2d(planes, half, 3, stride=2, padding=1), nn.LeakyReLU(0.1))
        self.code = nn.Sequential(
            nn.Conv2d(half, quarter, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(quarter, quarter, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(quarter, quarter, 3, padding=1),
            nn.LeakyReLU(0.1),
            *_doubled(quarter, half, upsampling),
            nn.LeakyReLU(0.1),
        )
        self.up = nn.Sequential(*_doubled(2 * half, 3, upsampling), nn.Sigmoid())

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        half = self.down(planes)
        drawn: torch.Tensor = self.up(torch.cat([half, self.code(half)], dim=1))
        return drawn


def _doubled(before: int, width: int, upsampling: str) -> list[nn.Module]:
    """Layers from `before` planes to `width` planes of twice the side."""
    if upsampling == "transposed":  # a kernel of 3 at a stride of 2 overlaps unevenly: a checkerboard
        return [nn.ConvTranspose2d(before, width, 3, stride=2, padding=1, output_padding=1)]
    if upsampling == "shuffle":
        return [nn.Conv2d(before, 4 * width, 3, padding=1), nn.PixelShuffle(2)]
    return [nn.Upsample(scale_factor=2, mode=upsampling), nn.Conv2d(before, width, 3, padding=1)]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: the sums are then the same in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def load(path: Path) -> dict[str, Generator]:
    """The trained generators in a file, by name."""
    loaded = {}
    for name, weights in torch.load(path, weights_only=True).items():
        part, _, upsampling = name.partition("_")
        with torch.random.fork_rng(devices=[]):
            loaded[name] = Generator(INPUTS[part], upsampling).eval()
        loaded[name].load_state_dict(weights)
    return loaded


def draw(path: Path, name: str, planes: np.ndarray) -> np.ndarray:
    """The faces, uint8 (T, SIDE, SIDE, 3), that a trained generator draws.

    path: file of `training.train`.
    name: of NAMES.
    planes: float32 (T, planes, SIDE, SIDE) in 0..1.
    """
    with one_thread(), torch.inference_mode():
        drawn = load(path)[name](torch.from_numpy(planes))
    return (drawn.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
