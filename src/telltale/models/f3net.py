"""F3-Net (Qian, Yin, Sheng, Chen and Shao, ECCV 2020): frequency-aware decomposition (FAD) and local
frequency statistics (LFS).

FAD splits a picture into four frequency bands of its DCT. LFS describes each neighbourhood by the energy of
six bands of its DCT. Each goes through an Xception. After blocks 7 and 12, MixBlocks exchange features
between the two by attention. `model.f3net_parts` is "fad", "lfs", "both" (no MixBlocks) or "mix", as in the
published ablation. At 299 x 299 "both" has 41,979,661 parameters and "mix" 48,314,929.

Details follow github.com/yyk-wew/F3Net at 01942ca and Leminhbinh0209/F3Net. The bands' shares of the
spectrum's area and the form of LFS's logarithm follow the paper.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from telltale import config
from telltale.config.detectors import F3NetSettings
from telltale.errors import InputError
from telltale.models import xception
from telltale.models.detector import Detector
from telltale.models.inputs import full_precision
from telltale.models.weights import Tower

WINDOW, STRIDE, PADDING, BANDS = 10, 2, 4, 6
GREY = (0.299, 0.587, 0.114)
EPS = 1e-15  # in the logarithm, for a window without any energy


def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II, float32 (size, size): D @ x of `size` values, D @ x @ D.T of a picture."""
    frequency, position = np.arange(size)[:, None], np.arange(size)[None, :]
    matrix = np.cos(np.pi * frequency * (2 * position + 1) / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return torch.from_numpy(matrix.astype(np.float32))


def band(size: int, low: float, high: float) -> Tensor:
    """float32 (size, size), 1 where low <= i + j <= high."""
    total = torch.arange(size)[:, None] + torch.arange(size)[None, :]
    return ((total >= low) & (total <= high)).float()


class Filter(nn.Module):
    """Fixed bands (M, S, S), to each value of which a learnt one between -1 and 1 is added."""

    fixed: Tensor

    def __init__(self, bands: list[Tensor]) -> None:
        super().__init__()
        self.register_buffer("fixed", torch.stack(bands), persistent=False)
        self.learnt = nn.Parameter(torch.randn(self.fixed.shape) * 0.1)

    def forward(self) -> Tensor:
        return self.fixed + 2 * torch.sigmoid(self.learnt) - 1


class Decomposition(nn.Module):
    """FAD: pictures (B, 3, S, S) → (B, 12, S, S), their low, middle, high and all frequencies.

    The low band holds 1/16 of the spectrum's area, the middle one reaches to 1/8, the high one holds the
    rest.
    """

    dct: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("dct", dct_matrix(size), persistent=False)
        low, middle = size // 2.82, size // 2
        self.filters = Filter(
            [band(size, *edges) for edges in ((0, low), (low, middle), (middle, 2 * size), (0, 2 * size))]
        )

    def forward(self, pictures: Tensor) -> Tensor:
        spectrum = self.dct @ pictures @ self.dct.T
        return torch.cat([self.dct.T @ (spectrum * part) @ self.dct for part in self.filters()], 1)


class Statistics(nn.Module):
    """LFS: pictures (B, 3, S, S) in [-1, 1] → (B, 6, S/2, S/2): log10 of each band's energy.

    The energy is that of windows of 10 x 10 pixels, one every 2 pixels.
    """

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        dct = dct_matrix(WINDOW)
        # The DCT of every window is one convolution: a kernel for each of its 100 coefficients.
        self.register_buffer(
            "basis", torch.einsum("ik,jl->ijkl", dct, dct).reshape(-1, 1, WINDOW, WINDOW), persistent=False
        )
        edges = [2 * WINDOW * number / BANDS for number in range(BANDS + 1)]
        self.filters = Filter([band(WINDOW, low, high) for low, high in pairwise(edges)])

    def forward(self, pictures: Tensor) -> Tensor:
        grey = (pictures * pictures.new_tensor(GREY).view(3, 1, 1)).sum(1, keepdim=True)
        energy = functional.conv2d((grey + 1) * 127.5, self.basis, stride=STRIDE, padding=PADDING).abs()
        return torch.log10(functional.conv2d(energy, self.filters().abs().flatten(1)[:, :, None, None]) + EPS)


class MixBlock(nn.Module):
    """Two maps (B, C, h, w), to each of which an attended part of the other is added.

    Nothing is added while the two gates are zero, which are their first values.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(2))
        self.keys = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(2))
        self.gates = nn.ParameterList(nn.Parameter(torch.zeros(1)) for _ in range(2))
        spread = [nn.Conv2d(channels, channels, 1, groups=channels) for _ in range(2)]
        for convolution in spread:
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.give = nn.ModuleList(
            nn.Sequential(convolution, nn.BatchNorm2d(channels)) for convolution in spread
        )

    def forward(self, fad: Tensor, lfs: Tensor) -> tuple[Tensor, Tensor]:
        maps = (fad, lfs)
        query = torch.cat([layer(each) for layer, each in zip(self.queries, maps, strict=True)], 3)
        key = torch.cat([layer(each) for layer, each in zip(self.keys, maps, strict=True)], 3)
        attention = (query.float() @ key.float().transpose(2, 3)).softmax(3).to(fad.dtype)  # (B, C, h, h)
        taken = [
            self.give[to](maps[1 - to] * attention * (2 * torch.sigmoid(self.gates[1 - to]) - 1))
            for to in range(2)
        ]
        return fad + taken[0], lfs + taken[1]


class F3Net(Detector):
    """parts: "fad", "lfs", "both" or "mix". Only the trunks of these parts are built."""

    def __init__(self, towers: dict[str, Tower], size: int, parts: str, dropout: float) -> None:
        super().__init__(2048 * len(towers), next(iter(towers.values())).provenance)
        self.fad = self.lfs = self.mix = None
        self.trunks = nn.ModuleDict()
        for name, tower in towers.items():
            network, rgb = tower.network, tower.network.conv1.weight.detach()  # type: ignore[union-attr, operator]
            if name == "fad":
                self.fad, kernel, stride = Decomposition(size), rgb.repeat(1, 4, 1, 1) / 4, 2
            else:
                self.lfs, kernel, stride = Statistics(), rgb.repeat(1, 2, 1, 1) / 2, 1
            network.conv1 = xception.widened(network.conv1, kernel, stride=stride)  # type: ignore[arg-type]
            self.trunks[name] = network
        if parts == "mix":
            self.mix = nn.ModuleList([MixBlock(728), MixBlock(1024)])
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.width, 1))

    def features(self, pictures: Tensor) -> Tensor:
        pictures = pictures * 2 - 1
        maps: dict[str, Tensor] = {}
        # Energies span nine powers of ten, which half precision cannot hold.
        with full_precision(pictures):
            for name, part in (("fad", self.fad), ("lfs", self.lfs)):
                if part is not None:
                    maps[name] = part(pictures.float())
        maps = {name: xception.stem(self.trunks[name], each) for name, each in maps.items()}
        for number, (first, last) in enumerate(((1, 7), (8, 12))):
            maps = {
                name: xception.blocks(self.trunks[name], each, first, last) for name, each in maps.items()
            }
            if self.mix is not None:
                maps["fad"], maps["lfs"] = self.mix[number](maps["fad"], maps["lfs"])
        pooled = [xception.ending(self.trunks[name], each).mean((2, 3)) for name, each in maps.items()]
        return torch.cat(pooled, 1)


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> F3Net:
    """F3-Net with `settings.f3net_parts`, for pictures of `clip.image_size`.

    Raises InputError for a size at which the parts cannot be mixed.
    """
    assert isinstance(settings, F3NetSettings)
    parts = settings.f3net_parts
    names = {"fad": ("fad",), "lfs": ("lfs",)}.get(parts, ("fad", "lfs"))
    if parts == "mix" and len({map_side(name, clip.image_size) for name in names}) > 1:
        raise InputError(
            f"clip.image_size is {clip.image_size}, at which F3-Net's two maps differ in size and cannot be "
            "mixed; "
            "wanted a multiple of 32, or 299"
        )
    towers = {name: xception.trunk(settings, clip, initialise=initialise) for name in names}
    return F3Net(towers, clip.image_size, parts, settings.dropout)


def map_side(name: str, size: int) -> int:
    """The side of a branch's map after block 7, for pictures of `size`."""
    side = (size - 3) // 2 + 1 if name == "fad" else (size + 2 * PADDING - WINDOW) // STRIDE + 1 - 2
    side -= 2  # the second convolution
    for _ in range(3):
        side = (side - 1) // 2 + 1
    return side
