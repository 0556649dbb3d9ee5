"""Detectors with weights from a seed, clips for them, and what they say of these."""

from typing import Any

import torch
from torch import Tensor, nn

from telltale import config, models
from telltale.models.output import Output, Want

MEL = config.MelSettings(n_mels=64)
SMALL = {"picture_backbone": "test_resnet"}


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def detector(name: str, size: int = 64, methods: int | None = None, **changes: object) -> Any:
    """The detector with weights from seed 0, for pictures of `size`."""
    torch.manual_seed(0)
    settings = config.ModelSettings.model_validate({"name": name, **changes})
    return models.build(
        settings, config.MelSettings(), config.ClipSettings(image_size=size), initialise=True, methods=methods
    ).detector


def clips(count: int, frames: int = 2, size: int = 64, seed: int = 1) -> Tensor:
    """Pictures (count, frames, 3, size, size) whose brightness and grain differ from clip to clip."""
    draw = torch.Generator().manual_seed(seed)
    levels = torch.rand(2, count, 1, 1, 1, 1, generator=draw)
    return (levels[0] + levels[1] * (torch.rand(count, frames, 3, size, size, generator=draw) - 0.5)).clamp(
        0, 1
    )


def output(network: nn.Module, pictures: Tensor, want: Want = ()) -> Output:
    """What a frame-level model says of clips (N, T, 3, H, W)."""
    there = torch.ones(len(pictures), dtype=torch.bool)
    return network(pictures, None, there, there, want=want)


def logits(network: nn.Module, pictures: Tensor) -> Tensor:
    return output(network, pictures).logit


def untrained(module: nn.Module) -> set[str]:
    """Names of the weights without a gradient."""
    return {name for name, parameter in module.named_parameters() if parameter.grad is None}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def model(name: str, size: int = 64, frames: int = 2, methods: int | None = None, **changes: object) -> Any:
    """The whole model with weights from seed 0."""
    torch.manual_seed(0)
    small = SMALL if name == "frame_cnn" else {}
    settings = config.ModelSettings.model_validate({"name": name, **small, **changes})
    clip = config.ClipSettings(seconds=1.0, frames=frames, image_size=size)
    return models.build(settings, MEL, clip, initialise=True, methods=methods)
