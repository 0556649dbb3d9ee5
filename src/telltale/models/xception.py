"""Xception's trunk in pieces, for the detectors that are built on it: timm's `legacy_xception`, its weights
included."""

from typing import Any

import torch
from torch import Tensor, nn

from telltale import config
from telltale.models.weights import Tower, backbone


def trunk(settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool) -> Tower:
    """The whole network without its classifier, with the mean and deviation of 0.5 that it was trained
    with."""
    return backbone(
        settings, "picture", (clip.image_size, clip.image_size), pooled=False, initialise=initialise
    )


def stem(network: Any, pictures: Tensor) -> Tensor:
    """(B, C, H, W) → (B, 64, H/2, W/2): the two first convolutions."""
    return network.act2(network.bn2(network.conv2(network.act1(network.bn1(network.conv1(pictures))))))


def blocks(network: Any, maps: Tensor, first: int, last: int) -> Tensor:
    """Blocks `first` to `last` of the twelve, both included."""
    for number in range(first, last + 1):
        maps = getattr(network, f"block{number}")(maps)
    return maps


def ending(network: Any, maps: Tensor) -> Tensor:
    """(B, 1024, h, w) → (B, 2048, h, w): the two last convolutions, with whatever activation the network has
    behind them."""
    return network.act4(network.bn4(network.conv4(network.act3(network.bn3(network.conv3(maps))))))


def without_last_activation(network: Any) -> Any:
    """The same network, whose maps end in its last batch norm: behind it timm's has the ReLU of Xception's
    own head."""
    network.act4 = nn.Identity()
    return network


def widened(convolution: nn.Conv2d, copies: Tensor, *, stride: int | None = None) -> nn.Conv2d:
    """The stem's first convolution for other inputs: the same layer with the kernel `copies` (32, C, 3,
    3)."""
    channels, padding = copies.shape[1], int(convolution.padding[0])
    wide = nn.Conv2d(channels, copies.shape[0], 3, stride or convolution.stride[0], padding, bias=False)
    with torch.no_grad():
        wide.weight.copy_(copies)
    return wide
