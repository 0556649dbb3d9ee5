"""The cues of `flagship`, each with a head of its own, and how they become one logit.

A clip can be forged by any of them alone. So the logit begins as a soft maximum of the heads' logits, which a
small network corrects by what the cues' features say together. The soft maximum does not teach the heads: a
labelled forgery, of which nobody knows the cue, must not make all cues forged.
"""

import math

import torch
from torch import Tensor, nn

from telltale.models.flagship_layers import Attend, Pool, resample, sinusoid

LEAST = -30.0  # stands for the logit of a cue that is not there, in the soft maximum


class Motion(nn.Module):
    """Tokens of frames, crops and mouth in time → (N, width): what their sequence says.

    frames: (N, T, width), each with its change since the frame before
    """

    def __init__(self, width: int, layers: int, seconds: float, dropout: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.change = nn.Linear(2 * width, width)
        self.summary = nn.Parameter(0.02 * torch.randn(width))
        self.blocks = nn.ModuleList(Attend(width, dropout) for _ in range(layers))
        self.pool = Pool(width)

    def forward(self, streams: list[tuple[Tensor, Tensor]]) -> Tensor:
        """streams: tokens (N, L, width) with their seconds (N, L)."""
        tokens = torch.cat([self.moving(each) + self.when(each, at) for each, at in streams], 1)
        summary = self.summary.expand(tokens.shape[0], 1, -1).to(tokens.dtype)
        tokens = torch.cat([summary, tokens], 1)
        for block in self.blocks:
            tokens = block(tokens, tokens)
        return self.pool(tokens)

    def moving(self, tokens: Tensor) -> Tensor:
        before = torch.cat([tokens[:, :1], tokens[:, :-1]], 1)
        return self.change(torch.cat([tokens, tokens - before], 2))

    def when(self, tokens: Tensor, seconds: Tensor) -> Tensor:
        return sinusoid(seconds, self.seconds, tokens.shape[2]).to(tokens.dtype)


class Cross(nn.Module):
    """Picture tokens that look at sound tokens, and the other way round → (N, width)."""

    def __init__(self, width: int, layers: int, seconds: float, dropout: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.seeing = nn.ModuleList(Attend(width, dropout) for _ in range(layers))
        self.hearing = nn.ModuleList(Attend(width, dropout) for _ in range(layers))
        self.seen, self.heard = Pool(width), Pool(width)
        self.out = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

    def forward(self, streams: list[tuple[Tensor, Tensor]], sound: tuple[Tensor, Tensor]) -> Tensor:
        """streams: of the pictures, tokens (N, L, width) with their seconds (N, L); sound: the same of it."""
        seen = torch.cat([self.timed(*each) for each in streams], 1)
        heard = self.timed(*sound)
        for see, hear in zip(self.seeing, self.hearing, strict=True):
            seen, heard = see(seen, heard), hear(heard, seen)
        return self.out(torch.cat([self.seen(seen), self.heard(heard)], 1))

    def timed(self, tokens: Tensor, seconds: Tensor) -> Tensor:
        return tokens + sinusoid(seconds, self.seconds, tokens.shape[2]).to(tokens.dtype)


class Segments(nn.Module):
    """A logit for each of `count` equal parts of the span, of whatever there is at that time.

    read: names of what it reads
    """

    at: Tensor

    def __init__(self, width: int, count: int, seconds: float, read: tuple[str, ...]) -> None:
        super().__init__()
        self.sigma = seconds / count / 2
        at = (torch.arange(count) + 0.5) * (seconds / count)
        self.register_buffer("at", at, persistent=False)
        self.read = nn.ModuleDict({name: nn.Linear(width, width) for name in read})
        self.judge = nn.Sequential(nn.GELU(), nn.Linear(width, 1))

    def forward(self, parts: dict[str, tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """parts: by name tokens float32 (N, L, width), their seconds (N, L), and which clips have them, bool
        (N,) → float32 (N, count)."""
        total: Tensor | float = 0.0
        for name, (tokens, seconds, present) in parts.items():
            found = self.read[name](resample(tokens, seconds, self.at, self.sigma))
            total = total + found * present[:, None, None]
        assert isinstance(total, Tensor)
        anything = torch.stack([present for _, _, present in parts.values()]).any(0)
        return self.judge(total).squeeze(2) * anything[:, None]


class Fusion(nn.Module):
    """The cues' features (N, width) and logits → what the head reads, float32 (N, features), and the soft
    maximum of the logits, float32 (N,)."""

    def __init__(self, width: int, names: tuple[str, ...], *, gated: bool) -> None:
        super().__init__()
        self.names, self.gated = names, gated
        self.value = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.gate = nn.ModuleDict({name: nn.Linear(width, 1) for name in names if gated})
        self.nothing = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.features = width + 2 * len(names)

    def forward(
        self, features: dict[str, Tensor], logits: dict[str, Tensor], present: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """present: bool (N,), by name."""
        there = torch.stack([present[name] for name in self.names], 1)
        judged = torch.stack([logits[name].detach() for name in self.names], 1)
        judged = torch.where(there, judged, 0.0)
        values = torch.stack([self.value[name](features[name]) for name in self.names], 1)
        if self.gated:
            gates = torch.cat([self.gate[name](features[name]) for name in self.names], 1)
        else:
            gates = torch.zeros_like(judged)
        # A further place, for nothing, keeps the sum of the weights one where no cue is there.
        gates = torch.cat([torch.where(there, gates, -torch.inf), torch.zeros_like(gates[:, :1])], 1)
        values = torch.cat([values, self.nothing.expand(values.shape[0], 1, -1)], 1)
        joined = (gates.softmax(1).unsqueeze(2) * values).sum(1)
        count = there.sum(1).clamp(min=1).float()
        most = torch.where(there, judged, LEAST).logsumexp(1) - count.log()
        most = torch.where(there.any(1), most, 0.0)
        return torch.cat([self.norm(joined), judged / 4, there.float()], 1), most


def head(features: int, width: int, dropout: float) -> nn.Sequential:
    """(N, features) → (N, 1); it begins near zero."""
    last = nn.Linear(width, 1)
    nn.init.normal_(last.weight, std=0.1 / math.sqrt(width))
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Dropout(dropout), last)
