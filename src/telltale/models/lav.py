"""Locate and Verify (Shuai et al., ACM Multimedia 2023): two streams say whether there is a forgery, and
where.

One Xception reads the picture, the other its SRM noise residuals. CMCE strengthens features on which both
streams agree. LFGA guides the noise stream by the picture stream's attention. MPFF fuses maps of several
scales into a forgery map. The logit comes from the noise stream's maps. The objective is
`objectives.LocateAndVerifyObjective`.

Details follow github.com/sccsok/Locate-and-Verify at bb13f08. Layers that this code builds although no output
depends on them are left out: convolutions in CMCE, norms in LFGA, the picture stream's last stage.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from telltale import config
from telltale.config.detectors import RevisedSettings
from telltale.errors import InputError
from telltale.models import xception
from telltale.models.detector import Detector, logit_of
from telltale.models.inputs import Normalise, full_precision
from telltale.models.output import FrameOutput, Want
from telltale.models.weights import Tower

CHANNELS = (64, 128, 256, 728, 728, 728)  # of the maps after the stem, blocks 1, 2, 3, 7 and 11
WINDOWS = (8, 4, 2, 1, 1)  # how many of their positions, along a side, one of the forgery map covers
SCORED, HIDDEN, OUT, PROJECTED = 512, 2048, 4096, 256
DROPOUT = 0.5
SMALLEST = 64

# Second-order residuals of Fridrich and Kodovsky's spatial rich model: an edge kernel, the full kernel, and
# along a row.
EDGE = ((0, 0, 0, 0, 0), (0, -1, 2, -1, 0), (0, 2, -4, 2, 0), (0, -1, 2, -1, 0), (0, 0, 0, 0, 0))
FULL = ((-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2), (2, -6, 8, -6, 2), (-1, 2, -2, 2, -1))
ROW = ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 1, -2, 1, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0))


def srm_kernels() -> Tensor:
    """float32 (3, 3, 5, 5): three residuals, each the sum over the three colours; every kernel sums to
    zero."""
    kernels = torch.stack([torch.tensor(EDGE) / 4, torch.tensor(FULL) / 12, torch.tensor(ROW) / 2])
    return kernels[:, None].expand(-1, 3, -1, -1).contiguous()


class Srm(nn.Module):
    """Pictures (B, 3, H, W) → their residuals (B, 3, H, W), cut off at +-3."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernels", srm_kernels(), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        # Half precision would round the grain away before the kernels see it.
        with full_precision(pictures):
            return functional.conv2d(pictures.float(), self.kernels, padding=2).clamp(-3, 3)


def cmce(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-modality consistency enhancement: each of two maps (B, C, h, w) gets the other added, weighted by
    their cosine similarity at each position."""
    alike = functional.cosine_similarity(a, b, dim=1).unsqueeze(1)
    a = a + b * alike
    return functional.relu(a), functional.relu(b + a * alike)


class Lfga(nn.Module):
    """Local forgery guided attention: the noise map (B, C, h, w) attends to positions by the similarity of
    the picture map's positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels, channels // 4, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, noise: Tensor, picture: Tensor) -> Tensor:
        energy = self.query(picture).flatten(2).transpose(1, 2).float() @ self.key(picture).flatten(2).float()
        seen = self.value(noise).flatten(2) @ energy.softmax(2).transpose(1, 2).to(noise.dtype)
        return functional.relu(self.gamma * seen.view_as(noise) + noise)


def mpff(maps: Tensor, coarse: Tensor, window: int) -> Tensor:
    """Multi-scale patch features: similarities of maps (B, C, ~k h, ~k w) and (B, C, h, w) → (B, k², h, w).

    k is `window`. Each channel is one of the k² positions that a coarse position covers.
    """
    height, width = coarse.shape[2:]
    maps = padded(maps, height * window, width * window)
    alike = torch.tanh(maps * coarse.repeat_interleave(window, 2).repeat_interleave(window, 3)).sum(
        1, keepdim=True
    )
    return functional.pixel_unshuffle(alike, window)


def padded(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps padded to `height` x `width` by repeating their edges, half on each side."""
    down, right = height - maps.shape[2], width - maps.shape[3]
    return functional.pad(
        maps, (right // 2, right - right // 2, down // 2, down - down // 2), mode="replicate"
    )


def pooled(maps: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) → (B, C, height, width): maxima over windows of equal size. The edges are repeated to fill
    the last windows."""
    window = (-(-maps.shape[2] // height), -(-maps.shape[3] // width))
    return functional.max_pool2d(padded(maps, height * window[0], width * window[1]), window)


class Fusion(nn.Module):
    """Two maps (B, D1, h, w) and (B, D2, h, w) → features (B, 4096).

    Both are projected to 2048 channels and multiplied at each position, then averaged over positions.
    """

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(first, HIDDEN), nn.Linear(second, HIDDEN)
        self.out = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(HIDDEN, OUT))
        self.norm = nn.Sequential(nn.BatchNorm2d(OUT), nn.ReLU())

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        product = torch.tanh(self.first(first.permute(0, 2, 3, 1)) * self.second(second.permute(0, 2, 3, 1)))
        return self.norm(self.out(product).permute(0, 3, 1, 2)).mean((2, 3))


def scorer(channels: int, outputs: int) -> nn.Sequential:
    """Maps (B, `channels`, h, w) → scores (B, `outputs`, h, w)."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, outputs, 1, bias=False))


class LavTrainingOutput(NamedTuple):
    """What `objectives.LocateAndVerifyObjective` reads for B pictures.

    classes: float32 (B, 2), the scores of genuine and of forged
    patches: (B, 2, h, w), the same for every patch
    projected: (B, 256, h, w), the features by which patches are compared
    """

    classes: Tensor
    patches: Tensor
    projected: Tensor


class LocateAndVerify(Detector):
    """learning: whether it has the layers that only training needs. revision: see `RevisedSettings`."""

    def __init__(self, picture: Tower, noise: Tower, *, learning: bool, revision: int = 2) -> None:
        super().__init__(OUT, picture.provenance)
        self.normalise, self.srm = Normalise(picture.mean, picture.std), Srm()
        self.picture, self.noise = picture.network, noise.network
        for network in (self.picture, self.noise):
            # Padded, so that maps halve evenly: 299 → 150, 75, 38, 19, 10.
            network.conv1.padding = network.conv2.padding = (1, 1)  # type: ignore[union-attr]
        for name in ("block12", "conv3", "bn3", "conv4", "bn4"):
            delattr(self.picture, name)  # no output depends on the last stage of the picture stream
        if revision > 1:
            xception.without_last_activation(self.noise)
        self.guides = nn.ModuleList(Lfga(728) for _ in range(3))
        self.scores = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, SCORED, 1, bias=False), nn.BatchNorm2d(SCORED), nn.ReLU())
            for channels in CHANNELS
        )
        self.locate = scorer(728 + sum(window * window for window in WINDOWS), 2)
        self.fusion = Fusion(sum(CHANNELS) - 728, 2048)
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(OUT, 2))
        # As published, the projection gets no gradient: it only compares patches.
        self.learning = scorer(728, PROJECTED).requires_grad_(False) if learning else None

    def streams(self, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The maps of the picture stream and of the noise stream: after the stem and blocks 1, 2, 3, 7 and
        11. The noise stream's also have its last one, of 2048 channels."""
        pictures = self.normalise(pictures)
        x, y = xception.stem(self.picture, pictures), xception.stem(self.noise, self.srm(pictures))
        picture_maps, noise_maps = [], []
        for block in (1, 2, 3):
            x, y = cmce(x, y)
            picture_maps.append(x)
            noise_maps.append(y)
            if block == 3:
                x = y = x + y
            x, y = (
                xception.blocks(self.picture, x, block, block),
                xception.blocks(self.noise, y, block, block),
            )
        for guide, last in zip(self.guides, (7, 11, None), strict=True):
            y = guide(y, x)
            picture_maps.append(x)
            noise_maps.append(y)
            if last is not None:
                x, y = (
                    xception.blocks(self.picture, x, last - 3, last),
                    xception.blocks(self.noise, y, last - 3, last),
                )
        noise_maps.append(xception.ending(self.noise, xception.blocks(self.noise, y, 12, 12)))
        return picture_maps, noise_maps

    def verify(self, noise: list[Tensor]) -> Tensor:
        """The noise stream's maps → features (B, 4096)."""
        size = noise[-1].shape[2:]
        return self.fusion(
            torch.cat([pooled(noise[place], *size) for place in (0, 1, 2, 3, 5)], 1), noise[-1]
        )

    def features(self, pictures: Tensor) -> Tensor:
        return self.verify(self.streams(pictures)[1])

    def behead(self) -> None:
        super().behead()
        del self.scores, self.locate

    def patches(self, picture: list[Tensor]) -> Tensor:
        """The picture stream's maps → (B, 2, h, w), the scores of genuine and of forged of every patch. h is
        H/16."""
        scored = [layer(maps) for layer, maps in zip(self.scores, picture, strict=True)]
        fine = [mpff(maps, scored[-1], window) for maps, window in zip(scored[:-1], WINDOWS, strict=True)]
        return self.locate(torch.cat([*fine, picture[-1]], 1))

    def forward(self, pictures: Tensor, want: Want = ()) -> FrameOutput:
        """As `Detector.forward`. Patches are scored only if `want` names something: the logit does not depend
        on them."""
        picture, noise = self.streams(pictures)
        patches = self.patches(picture) if want else None
        projected = self.learning(picture[-1]) if "training" in want and self.learning is not None else None
        features = self.verify(noise)
        classes = self.classes(features)
        maps = training = None
        if patches is not None and "maps" in want:
            maps = patches.float().softmax(1)[:, 1]
        if patches is not None and projected is not None:
            training = LavTrainingOutput(classes, patches, projected)
        return FrameOutput(logit_of(classes), features, maps, training)


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> LocateAndVerify:
    """The network for pictures of `clip.image_size`. With `methods` it has the layers that training needs.

    Raises InputError for a size that is too small.
    """
    assert isinstance(settings, RevisedSettings)
    if clip.image_size < SMALLEST:
        raise InputError(
            f"clip.image_size is {clip.image_size}; lav wants {SMALLEST} or more, for its map of a "
            "sixteenth of it"
        )
    towers: list[Any] = [xception.trunk(settings, clip, initialise=initialise) for _ in range(2)]
    return LocateAndVerify(*towers, learning=methods is not None, revision=settings.revision)
