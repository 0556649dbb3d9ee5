"""From a clip's tokens to one vector: `pooling("mean" | "attention", width)`.

Both walk (N, T, D) tokens and a (N, T) mask, True where a token counts, to (N, D). Every clip must have a token that counts.
"""

import torch
from torch import Tensor, nn


class MeanPooling(nn.Module):
    """The mean of the tokens that count."""

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        weight = mask.unsqueeze(2).to(tokens.dtype)
        return (tokens * weight).sum(1) / weight.sum(1)


class AttentionPooling(nn.Module):
    """A weighted mean; a small network gives each token its weight, and the weights of a clip sum to one."""

    def __init__(self, width: int, hidden: int = 128) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        score = self.score(tokens).squeeze(2).masked_fill(~mask, -torch.inf)
        weight = score.float().softmax(1).to(tokens.dtype)
        return (tokens * weight.unsqueeze(2)).sum(1)


def pooling(name: str, width: int) -> nn.Module:
    """The pooling that `model.pooling` names, for tokens of `width`."""
    return AttentionPooling(width) if name == "attention" else MeanPooling()
