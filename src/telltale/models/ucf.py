"""UCF, uncovering common features (Yan, Zhang, Fan and Wu, ICCV 2023): what forgeries have in common, told
from what each has.

Two Xception encoders, of forgery and of content; from the forgery features a specific and a common part, each
with its head; a decoder that rebuilds a picture of one's content with another's forgery keeps the parts
apart. At inference only the common path is used, counted and shipped: 22,252,586 parameters, of 46.8 million
while it learns. The objective is `objectives.UcfObjective`. Facts from DeepfakeBench 8a4a7bf.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from telltale import config
from telltale.config.detectors import RevisedSettings
from telltale.models import xception
from telltale.models.detector import Detector, logit_of
from telltale.models.inputs import Normalise
from telltale.models.output import FrameOutput, Want
from telltale.models.weights import Tower

WIDTH = 256  # of the specific and of the common part
SHUFFLED = 0.7  # how often common parts change places within their class
SLOPE = 0.01  # of LeakyReLU


class Encoder(nn.Module):
    """Normalised pictures (B, 3, H, W) → (B, 512, H/32, W/32). revision: see `RevisedSettings`."""

    def __init__(self, tower: Tower, revision: int) -> None:
        super().__init__()
        self.backbone = tower.network if revision == 1 else xception.without_last_activation(tower.network)
        self.adjust = nn.Sequential(nn.Conv2d(2048, 2 * WIDTH, 1), nn.BatchNorm2d(2 * WIDTH), nn.ReLU())

    def forward(self, pictures: Tensor) -> Tensor:
        return self.adjust(self.backbone(pictures))


def part() -> nn.Sequential:
    """(B, 512, h, w) → (B, 256, h, w): the specific or the common part of the forgery features."""
    return nn.Sequential(
        nn.Conv2d(2 * WIDTH, WIDTH, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(WIDTH, WIDTH, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(WIDTH, WIDTH, 1),
    )


def head(outputs: int, dropout: float) -> nn.Sequential:
    """(B, 256) → (B, outputs); the dropout after the last layer is as published."""
    return nn.Sequential(
        nn.Linear(WIDTH, 512), nn.LeakyReLU(SLOPE), nn.Linear(512, outputs), nn.Dropout(dropout)
    )


def adain(content: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    """`content` (B, C, h, w) with the mean and deviation over space of `style`, channel by channel (unbiased
    variances)."""

    def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
        # A map of a single place has no deviation: eps's alone.
        spread = (
            maps.var((2, 3), keepdim=True) if maps[0, 0].numel() > 1 else torch.zeros_like(maps[:, :, :1, :1])
        )
        return maps.mean((2, 3), keepdim=True), (spread + eps).sqrt()

    (mean, deviation), (wanted_mean, wanted_deviation) = moments(content), moments(style)
    return (content - mean) / deviation * wanted_deviation + wanted_mean


class Decoder(nn.Module):
    """Content (B, 512, h, w) under the condition of forgery features of the same shape → a picture (B, 3, S,
    S) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        widths = (2 * WIDTH, WIDTH, WIDTH // 2, WIDTH // 4)
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.3),
                nn.Conv2d(come, go, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(go, go, 3, padding=1),
                nn.ReLU(),
            )
            for come, go in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], 3, 1)

    def forward(self, content: Tensor, condition: Tensor, size: int) -> Tensor:
        for number, step in enumerate(self.steps):
            content = step(enlarged(adain(content, condition)))
            if number + 1 < len(self.steps):
                condition = step(enlarged(condition))
        maps = self.last(content)
        return torch.tanh(
            functional.interpolate(maps, size=(size, size), mode="bilinear", align_corners=True)
        )


def enlarged(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True)


class UcfTrainingOutput(NamedTuple):
    """What `objectives.UcfObjective` reads of B pictures, genuine and forged in turns.

    common: float32 (B, 2), the scores of genuine and of forged; of shuffled common parts, see `SHUFFLED`
    specific: (B, M + 1), the scores of genuine and of each of M kinds of forgery
    common_features: (B, 256), shuffled as `common` is
    specific_features: (B, 256)
    pictures: (B, 3, S, S), normalised
    rebuilt: two pictures each, of its content under its own forgery features and under its partner's
    """

    common: Tensor
    specific: Tensor
    common_features: Tensor
    specific_features: Tensor
    pictures: Tensor
    rebuilt: tuple[Tensor, Tensor]


class Learning(nn.Module):
    """What only training needs."""

    def __init__(self, content: Encoder, methods: int, dropout: float) -> None:
        super().__init__()
        self.content = content
        self.specific = part()
        self.specific_head = head(methods + 1, dropout)
        self.decoder = Decoder()


class Ucf(Detector):
    """methods: kinds of forgery that the specific head tells apart; None without what only training needs."""

    def __init__(
        self, forgery: Tower, content: Tower | None, methods: int | None, dropout: float, revision: int = 2
    ) -> None:
        super().__init__(WIDTH, forgery.provenance)
        self.normalise = Normalise(forgery.mean, forgery.std)
        self.forgery = Encoder(forgery, revision)
        self.common = part()
        self.head = head(2, dropout)
        if content is not None and methods is not None:
            self.learning = Learning(Encoder(content, revision), methods, dropout)

    def features(self, pictures: Tensor) -> Tensor:
        return self.common(self.forgery(self.normalise(pictures))).mean((2, 3))

    def forward(self, pictures: Tensor, want: Want = ()) -> FrameOutput:
        """As `Detector.forward`. For "training" every genuine picture is followed by the forged one that is
        its partner."""
        if "training" not in want or not isinstance(self.learning, Learning):
            return super().forward(pictures, want)
        pictures = self.normalise(pictures)
        forgery, content = self.forgery(pictures), self.learning.content(pictures)
        common, specific = self.common(forgery), self.learning.specific(forgery)
        order = torch.arange(len(common), device=common.device)
        if torch.rand(()) < SHUFFLED:
            # What all forgeries have in common may come from any of them: common parts are shuffled within
            # their class before they are used again.
            order = within_classes(len(common), common.device)
            common = common[order]
        condition = torch.cat([specific, common], 1)
        partner = torch.arange(len(pictures), device=pictures.device) ^ 1
        size = pictures.shape[-1]
        rebuilt = (
            self.learning.decoder(content, condition, size),
            self.learning.decoder(content, condition[partner], size),
        )
        features, specific_features = common.mean((2, 3)), specific.mean((2, 3))
        classes = self.classes(features)
        training = UcfTrainingOutput(
            classes,
            self.learning.specific_head(specific_features),
            features,
            specific_features,
            pictures,
            rebuilt,
        )
        # Each picture's own again: the logit and the features of a clip must not be another's.
        own = order.argsort()
        return FrameOutput(logit_of(classes)[own], features[own], training=training)


def within_classes(count: int, device: torch.device) -> Tensor:
    """A random order of `count` places in which even ones stay even and odd ones odd, long (count,)."""
    order = torch.empty(count, dtype=torch.long)
    for first in range(2):
        places = torch.arange(first, count, 2)
        order[first::2] = places[torch.randperm(len(places))]
    return order.to(device)


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> Ucf:
    """UCF for pictures of `clip.image_size`; with `methods` it can learn."""
    assert isinstance(settings, RevisedSettings)
    forgery = xception.trunk(settings, clip, initialise=initialise)
    content = None if methods is None else xception.trunk(settings, clip, initialise=initialise)
    return Ucf(forgery, content, methods, settings.dropout, settings.revision)
