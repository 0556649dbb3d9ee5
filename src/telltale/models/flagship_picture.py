"""What `flagship` sees: the whole scaled frames, and crops of them at native resolution.

Generating, blending and resizing leave traces in a video's own pixels, which scaling a frame to the network's
size removes (arXiv 2604.04634); what a face looks like as a whole, scaling leaves.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from telltale.errors import InputError
from telltale.models import norms
from telltale.models.flagship_layers import ClipNorm, Stages
from telltale.models.flagship_residuals import Residuals
from telltale.models.inputs import Normalise
from telltale.models.weights import Tower

GRID = 8  # patches along a side of the forgery map


class WholeFrames(nn.Module):
    """Frames (N, T, 3, S, S) in [0, 1] → tokens (N, T, width) and features of patches (N * T, hidden, 8, 8).

    A timm backbone gives a map for each frame. Its mean and the most striking patch make the token.
    """

    def __init__(self, tower: Tower, width: int, size: int) -> None:
        super().__init__()
        self.normalise, self.backbone = Normalise(tower.mean, tower.std), tower.network
        self.level, channels = finest(tower.network, size)
        self.width, self.hidden = width, max(width // 2, 16)
        hidden = self.hidden
        self.coarse = nn.Conv2d(tower.width, hidden, 1)
        self.fine = nn.Conv2d(channels, hidden, 1) if self.level is not None else None
        self.patches = nn.Sequential(nn.GELU(), nn.Conv2d(hidden, hidden, 3, padding=1), nn.GELU())
        self.token = nn.Sequential(nn.Linear(tower.width + hidden, width), nn.LayerNorm(width))
        self.has_batch_norm = any(
            isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.backbone.modules()
        )

    def forward(self, frames: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """present: bool (N,), the clips that have pictures. What the others give means nothing."""
        clips, count = frames.shape[:2]
        if self.has_batch_norm and self.training:
            tokens, patches = self.of_those(frames, present)
        else:
            tokens, patches = self.look(frames.flatten(0, 1))
        return tokens.view(clips, count, -1), patches

    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, S, S) → tokens (B, width), patches (B, hidden, 8, 8)."""
        deep, shallow = self.maps(self.normalise(pictures))
        patches = _gridded(self.coarse(deep))
        if self.fine is not None and shallow is not None:
            patches = patches + _gridded(self.fine(shallow))
        patches = self.patches(patches)
        return self.token(torch.cat([deep.mean((2, 3)), patches.amax((2, 3))], 1)), patches

    def maps(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """The backbone's last map (B, D, h, w), and that of `level`."""
        network: Any = self.backbone
        if self.level is None:
            return _channels_first(network, network(pictures)), None
        last, between = network.forward_intermediates(pictures, indices=[self.level])
        return _channels_first(network, network.forward_head(last)), between[0]

    def of_those(self, frames: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """What `look` gives of all frames, read of the clips that are there: the others must not enter batch
        norm's statistics."""
        rows, stands_in = norms.share(self.backbone, present.nonzero().squeeze(1))
        if len(rows):
            tokens, patches = self.look(frames.index_select(0, rows).flatten(0, 1))
        elif stands_in:
            with norms.silent(self.backbone):
                tokens, patches = (0.0 * each for each in self.look(frames[:1].flatten(0, 1)))
            rows = rows.new_zeros(1)
        else:
            nothing = 0.0 * sum(parameter.sum() for parameter in self.parameters())
            total = len(present) * frames.shape[1]
            return (
                frames.new_zeros(total, self.width) + nothing,
                frames.new_zeros(total, self.hidden, GRID, GRID) + nothing,
            )
        return tuple(  # type: ignore[return-value]
            each.new_zeros(len(present), frames.shape[1], *each.shape[1:])
            .index_copy(0, rows, each.unflatten(0, (len(rows), -1)))
            .flatten(0, 1)
            for each in (tokens, patches)
        )


def finest(network: Any, size: int) -> tuple[int | None, int]:
    """(number, channels) of the deepest of a backbone's maps with 8 patches a side or more, for pictures of
    `size`; (None, 0) if that is the last one, or the backbone does not show its maps."""
    levels = getattr(network, "feature_info", None)
    if not levels or not hasattr(network, "forward_intermediates"):
        return None, 0
    levels = [dict(level) if isinstance(level, dict) else vars(level) for level in levels]
    fitting = [place for place, level in enumerate(levels) if size // level["reduction"] >= GRID]
    if not fitting or fitting[-1] == len(levels) - 1:
        return None, 0
    return fitting[-1], levels[fitting[-1]]["num_chs"]


def _channels_first(network: Any, features: Tensor) -> Tensor:
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if getattr(network, "output_fmt", "") == "NHWC" else features
    raise InputError(
        f"model.picture_backbone gives features of shape {tuple(features.shape)}; flagship wants a map, such "
        "as convnext_tiny or resnet18 has"
    )


def _gridded(maps: Tensor) -> Tensor:
    """(B, C, h, w) → (B, C, 8, 8)."""
    if maps.shape[2:] == (GRID, GRID):
        return maps
    return interpolate(maps.float(), size=(GRID, GRID), mode="bilinear", align_corners=False).to(maps.dtype)


class NativeCrops(nn.Module):
    """Crops (N, T, 3, P, P) in [0, 1], at the video's own resolution → tokens (N, T, width).

    A shallow network without early pooling, over residuals. How strong these are goes into the token, too,
    because the norms hide it.
    """

    def __init__(self, kind: str, channels: int, depth: int, width: int) -> None:
        super().__init__()
        self.residuals = Residuals(kind)
        self.stem = nn.Conv2d(self.residuals.channels, channels, 3, 2, 1, bias=False)
        self.norm = ClipNorm(channels)
        wide = [(channels * factor, (2, 2)) for factor in (2, 3, 4)]
        self.stages = Stages(channels, wide, depth)
        self.token = nn.Sequential(
            nn.Linear(8 * channels + self.residuals.channels, width), nn.LayerNorm(width)
        )

    def forward(self, crops: Tensor) -> Tensor:
        clips, count = crops.shape[:2]
        maps, levels = self.residuals(crops.flatten(0, 1))
        maps = self.stages(torch.relu(self.norm(self.stem(maps), count)), count)
        found = torch.cat([maps.mean((2, 3)), maps.amax((2, 3)), levels.to(maps.dtype)], 1)
        return self.token(found).view(clips, count, -1)
