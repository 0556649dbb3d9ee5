"""From a clip's tokens to one vector, and from its frames' logits to one.

`pooling("mean" | "attention", width)` walks (N, T, D) tokens and a (N, T) mask, True where a token counts, to
(N, D); every clip must have a token that counts. `FramePooling` walks the frames' features and logits to the
clip's logit, `pooled` their logits alone.
"""

import torch
from torch import Tensor, nn

from telltale.models.inputs import full_precision


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

    def weights(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens (N, T, D) → float32 (N, T)."""
        score = self.score(tokens).squeeze(2)
        return (score if mask is None else score.masked_fill(~mask, -torch.inf)).float().softmax(1)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return (tokens * self.weights(tokens, mask).to(tokens.dtype).unsqueeze(2)).sum(1)


def pooling(name: str, width: int) -> nn.Module:
    """The pooling that `model.pooling` names, for tokens of `width`."""
    return AttentionPooling(width) if name == "attention" else MeanPooling()


def pooled(name: str, logits: Tensor, top_k: int) -> Tensor:
    """Logits (N, T) of frames → (N,) of clips: their "mean", "max", or "top_k", the mean of the `top_k`
    highest (or of all)."""
    if name == "max":
        return logits.amax(1)
    if name == "top_k":
        return logits.topk(min(top_k, logits.shape[1]), dim=1).values.mean(1)
    return logits.mean(1)


class FramePooling(nn.Module):
    """name: as of `pooled`, or "attention", a mean weighted by what a small network makes of each frame's
    features."""

    def __init__(self, name: str, width: int, top_k: int) -> None:
        super().__init__()
        self.name, self.top_k = name, top_k
        self.attention = AttentionPooling(width) if name == "attention" else None

    def forward(self, features: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The clip's logit float32 (N,) and features float32 (N, D), under autocast too: means over the same
        frames with the same weights.

        features: (N, T, D) of the frames
        logits: float32 (N, T) of the frames
        """
        with full_precision(features):
            features = features.float()
            if self.attention is not None:
                weights = self.attention.weights(features)
                return (weights * logits).sum(1), (features * weights.unsqueeze(2)).sum(1)
            return pooled(self.name, logits, self.top_k), self.chosen(features, logits).mean(1)

    def chosen(self, features: Tensor, logits: Tensor) -> Tensor:
        """The features of those frames whose logits `pooled` averages, (N, K, D)."""
        if self.name == "mean":
            return features
        count = 1 if self.name == "max" else min(self.top_k, logits.shape[1])
        frames = logits.detach().topk(count, dim=1).indices
        return features.take_along_dim(frames.unsqueeze(2), dim=1)
