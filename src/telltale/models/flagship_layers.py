"""Layers that the parts of `flagship` share. None of them lets one clip of a batch affect another.

There is no batch norm: of a batch in which some clips lack sound or pictures, every row goes through every
layer, and what it gives for an absent input is left out afterwards.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention

from telltale.models.inputs import full_precision

HEADS = 4


class ClipNorm(nn.Module):
    """Maps (N * F, C, h, w) of N clips with F frames each, divided by the root mean square of the whole clip,
    then scaled and shifted by channel.

    A norm of each frame alone would hide how strong a trace or a movement is in one frame beside the next.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor, frames: int) -> Tensor:
        norms = torch.linalg.vector_norm(maps.float(), dim=(1, 2, 3))
        power = norms.square().view(-1, frames).mean(1) / (maps.shape[1] * maps.shape[2] * maps.shape[3])
        scale = (power + 1e-5).rsqrt().repeat_interleave(frames)
        weight = scale[:, None] * self.weight
        return torch.addcmul(
            self.bias.to(maps.dtype)[:, None, None], maps, weight.to(maps.dtype)[:, :, None, None]
        )


class ConvBlock(nn.Module):
    """A residual block of two convolutions (He et al., CVPR 2016), with squeeze-and-excitation (Hu et al.,
    CVPR 2018) if `excite`.

    (N * F, C, h, w) → (N * F, out, h / stride, w / stride), rounded up.
    """

    def __init__(self, channels: int, out: int, stride: tuple[int, int], *, excite: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.before, self.after = ClipNorm(out), ClipNorm(out)
        nn.init.zeros_(self.after.weight)  # the block begins as its shortcut
        same = channels == out and stride == (1, 1)
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out, 1, bias=False)
        self.pool = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(stride, ceil_mode=True)
        hidden = max(out // 4, 8)
        self.excite = (
            nn.Sequential(nn.Linear(out, hidden), nn.ReLU(), nn.Linear(hidden, out), nn.Sigmoid())
            if excite
            else None
        )

    def forward(self, maps: Tensor, frames: int) -> Tensor:
        found = self.after(self.second(relu(self.before(self.first(maps), frames))), frames)
        if self.excite is not None:
            found = found * self.excite(found.mean((2, 3)))[:, :, None, None]
        return relu(found + self.shortcut(self.pool(maps)))


class Stages(nn.Module):
    """Blocks one after another: for each (channels, stride) of `stages` one with the stride and `depth` - 1
    without."""

    def __init__(
        self,
        channels: int,
        stages: Sequence[tuple[int, tuple[int, int]]],
        depth: int,
        *,
        excite: bool = False,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for out, stride in stages:
            for place in range(depth):
                self.blocks.append(
                    ConvBlock(out if place else channels, out, (1, 1) if place else stride, excite=excite)
                )
            channels = out

    def forward(self, maps: Tensor, frames: int = 1) -> Tensor:
        for block in self.blocks:
            maps = block(maps, frames)
        return maps


class Attend(nn.Module):
    """A pre-norm transformer block (Vaswani et al., 2017) whose tokens look at `context`, or at one another:
    (N, L, width), (N, K, width) → (N, L, width). It is written out so that thop counts its weights."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.before, self.of_context, self.before_mlp = (nn.LayerNorm(width) for _ in range(3))
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        queries = self.query(self.before(tokens)).unflatten(2, (HEADS, -1)).transpose(1, 2)
        joined = self.key_value(self.of_context(context)).unflatten(2, (2, HEADS, -1))
        keys, values = joined.permute(2, 0, 3, 1, 4).unbind(0)
        seen = scaled_dot_product_attention(queries, keys, values)
        tokens = tokens + self.dropout(self.out(seen.transpose(1, 2).flatten(2)))
        return tokens + self.dropout(self.mlp(self.before_mlp(tokens)))


class Pool(nn.Module):
    """Tokens (N, L, width) → (N, width): a mean with learnt weights and, if `spread`, the deviation with the
    same weights (attentive statistics, Okabe et al., Interspeech 2018), projected."""

    def __init__(self, width: int, *, spread: bool = False) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, width // 2), nn.Tanh(), nn.Linear(width // 2, 1))
        self.spread = spread
        self.out = nn.Sequential(nn.Linear(width * (1 + spread), width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        weights = self.score(tokens).float().softmax(1)
        values = tokens.float()
        mean = (values * weights).sum(1)
        if self.spread:
            variance = ((values - mean[:, None]).square() * weights).sum(1)
            mean = torch.cat([mean, (variance + 1e-4).sqrt()], 1)
        return self.out(mean)


def resample(tokens: Tensor, seconds: Tensor, at: Tensor, sigma: float) -> Tensor:
    """Tokens (N, L, D) at `seconds` (N, L) → float32 (N, K, D) at the seconds `at` (K,): means weighted by a
    Gaussian of the distance in time, of deviation `sigma` in seconds.

    Where no token is near, the nearest one counts alone.
    """
    with full_precision(tokens):
        apart = (at[:, None] - seconds.float()[:, None, :]) / sigma  # (N, K, L)
        return (-0.5 * apart.square()).softmax(2) @ tokens.float()


def sinusoid(seconds: Tensor, span: float, width: int) -> Tensor:
    """Seconds (..., L) → (..., L, width): sines and cosines, from half a cycle over `span` seconds to 32."""
    steps = 2.0 ** torch.linspace(0, 6, width // 2, device=seconds.device)
    angles = (seconds / span).unsqueeze(-1) * math.pi * steps
    return torch.cat([angles.sin(), angles.cos()], -1)


def where_present(present: Tensor, values: Tensor) -> Tensor:
    """`values` (N, ...) with zeros for clips that `present` (N,) leaves out, whatever was there, NaN too."""
    return torch.where(present.view(-1, *[1] * (values.ndim - 1)), values, torch.zeros_like(values))
