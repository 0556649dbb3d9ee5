"""`audiovisual`: what is seen and what is heard as tokens in time, joined by a small transformer; works when
either is missing.

A clip becomes one sequence: a learned summary token, a token for each frame, a token for each step of the
sound's feature map. Each says when (a sinusoid of its time over `clip.seconds`, one scale for both) and what
(a learned vector of its modality). Two blocks let picture and sound look at each other, so that a mouth and a
voice that do not fit can be noticed; the pooled tokens decide.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from telltale import config
from telltale.config.detectors import AudiovisualSettings
from telltale.data.mel import n_columns, n_rows
from telltale.errors import InputError
from telltale.models import frame_level, norms
from telltale.models.detector import FeatureTower
from telltale.models.inputs import MelPicture, Normalise, full_precision
from telltale.models.output import Output, Want
from telltale.models.pooling import pooling
from telltale.models.weights import Tower, backbone

HEADS, BLOCKS = 4, 2
# the mel picture's sides become multiples of it, which the strides and patches of most backbones divide
STRIDE = 32


class Stream(nn.Module):
    """One modality's tower: (R, ...) inputs → (R, L, width) tokens."""

    def __init__(self, tower: Tower, width: int) -> None:
        super().__init__()
        self.normalise = Normalise(tower.mean, tower.std)
        self.backbone = tower.network
        self.project = nn.Sequential(nn.Linear(tower.width, width), nn.LayerNorm(width))
        self.kind = nn.Parameter(torch.randn(width) * 0.02)

    def tokens(self, features: Tensor, times: Tensor) -> Tensor:
        """(R, L, D) features and their times, (L,) or (R, L), 1 after `clip.seconds` → (R, L, width)."""
        tokens = self.project(features)
        return tokens + self.kind + sinusoid(times, tokens.shape[2])


class PictureStream(Stream):
    """Pictures (R, T, 3, H, W) in [0, 1] and their times (R, T) in seconds from the span's start → a token a
    frame.

    seconds: the span's full length, what the scale of times counts in; None: frames stand evenly over the
    scale.
    """

    def __init__(self, tower: Tower, width: int, seconds: float | None) -> None:
        super().__init__(tower, width)
        self.seconds = seconds

    def forward(self, pictures: Tensor, frame_seconds: Tensor) -> Tensor:
        clips, frames = pictures.shape[:2]
        features = self.backbone(self.normalise(pictures.flatten(0, 1))).unflatten(0, (clips, frames))
        if self.seconds is None:
            return self.tokens(features, torch.linspace(0, 1, frames, device=features.device))
        return self.tokens(features, frame_seconds / self.seconds)


class SoundStream(Stream):
    """Mel image (R, n_mels, L) dB → a token for each column of the backbone's feature map, averaged over the
    mel axis alone.

    The image is as long as the span, silence behind a shorter clip: column k of K stands at (k + 1/2) / K of
    it, to half a hop.
    """

    def __init__(self, tower: Tower, width: int, size: tuple[int, int]) -> None:
        super().__init__(tower, width)
        self.picture = MelPicture(self.normalise, size)

    def forward(self, mel: Tensor) -> Tensor:
        features = self.columns(self.backbone(self.picture(mel)))
        count = features.shape[1]
        return self.tokens(features, (torch.arange(count, device=features.device) + 0.5) / count)

    def columns(self, features: Tensor) -> Tensor:
        """The backbone's unpooled features, (R, D, h, w), (R, h, w, D) or tokens (R, h*w + prefix, D) → (R,
        w, D)."""
        if features.ndim == 4 and getattr(self.backbone, "output_fmt", "NCHW") == "NHWC":
            return features.mean(1)
        if features.ndim == 4:
            return features.mean(2).transpose(1, 2)
        height, width = self.picture.size
        if features.ndim == 3:
            patches = features[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
            stride = math.isqrt(height * width // patches.shape[1])
            if (height // stride) * (width // stride) == patches.shape[1]:
                return patches.unflatten(1, (height // stride, width // stride)).mean(1)
        raise InputError(
            f"model.sound_backbone gives features of shape {tuple(features.shape)} for a mel picture of "
            f"{height} x {width}; "
            "wanted a map with a time axis, such as resnet18 or efficientnet_b0 has"
        )


class Block(nn.Module):
    """A pre-norm transformer block, written out: torch's own hides its weights from thop and goes another way
    in eval mode."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (N, L, width), mask (N, L) True where a token may be looked at → (N, L, width)."""
        joined = self.queries_keys_values(self.before_attention(tokens))
        queries, keys, values = joined.unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None, None, :])
        tokens = tokens + self.dropout(self.out(seen.transpose(1, 2).flatten(2)))
        return tokens + self.dropout(self.mlp(self.before_mlp(tokens)))


class AudioVisual(nn.Module):
    """The whole: two streams, the summary token, the blocks, the pooling and the head."""

    def __init__(
        self,
        settings: config.ModelSettings,
        picture: Tower,
        sound: Tower,
        mel_size: tuple[int, int],
        seconds: float,
    ) -> None:
        super().__init__()
        assert isinstance(settings, AudiovisualSettings)
        self.width = width = settings.width
        self.picture = PictureStream(
            picture, width, seconds if settings.audiovisual_clock == "seconds" else None
        )
        self.sound = SoundStream(sound, width, mel_size)
        self.summary = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, settings.dropout) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(width)
        self.pooling = pooling(settings.pooling, width)
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(width, 1))
        self.modality_dropout = settings.modality_dropout
        self.provenance = {"picture": picture.provenance, "sound": sound.provenance}

    def forward(
        self,
        pictures: Tensor,
        mel: Tensor,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor,
        want: Want = (),
    ) -> Output:
        """What the model says of N clips. A clip with neither modality gets a logit too, always the same one.

        pictures: (N, T, 3, H, W) float in [0, 1]
        mel: (M, n_mels, L) in dB, where M divides N: row k % M is that of clip k. What clips share goes
            through the sound tower once
        has_picture, has_sound: bool (N,); a modality that is missing is never read
        frame_seconds: (N, T), the times of the frames in seconds from the first column of the mel image
        """
        if self.training and self.modality_dropout > 0:
            has_picture, has_sound = drop_one(has_picture, has_sound, self.modality_dropout)
        # The summary token is never masked, so no clip's attention is empty and none comes out as NaN.
        tokens = [self.summary.expand(len(has_picture), 1, -1)]
        masks = [torch.ones_like(has_picture).unsqueeze(1)]
        unread = torch.zeros((), device=self.summary.device)
        for stream, inputs, present, whose in (
            (self.picture, (pictures, frame_seconds), has_picture, None),
            (self.sound, (mel,), has_sound, shared_rows(mel, has_sound)),
        ):
            rows, stands_in = norms.share(stream, present.nonzero().squeeze(1))
            if len(rows) == 0:
                # Nothing to read in the whole batch: every weight of the stream still gets a gradient, of
                # zero, because DDP waits for one on every process; and batch norm sees no placeholder.
                if stands_in:
                    with norms.silent(stream):
                        unread = unread + 0.0 * stream(*(each[:1] for each in inputs)).sum()
                else:
                    unread = unread + 0.0 * sum(parameter.sum() for parameter in stream.parameters())
                continue
            # Only the rows that have it go through the tower: a placeholder must not enter batch norm's
            # statistics.
            if whose is None:
                read = stream(*(each.index_select(0, rows) for each in inputs))
            else:
                once, place = whose[rows].unique(return_inverse=True)
                read = stream(*(each.index_select(0, once) for each in inputs))[place]
            tokens.append(read.new_zeros(len(present), *read.shape[1:]).index_copy(0, rows, read))
            masks.append(present.unsqueeze(1).expand(-1, read.shape[1]))
        sequence, mask = torch.cat(tokens, 1), torch.cat(masks, 1)
        for block in self.blocks:
            sequence = block(sequence, mask)
        # In float32 under autocast too: half precision would round the logits of many clips to one number.
        with full_precision(sequence):
            features = self.pooling(self.norm(sequence.float()), mask)
            return Output(self.head(features).squeeze(1) + unread, {}, None, features)


def shared_rows(mel: Tensor, has_sound: Tensor) -> Tensor | None:
    """Which row of the mel image belongs to each clip, long (N,); None if each clip has its own."""
    if len(mel) == len(has_sound):
        return None
    return torch.arange(len(has_sound), device=mel.device) % len(mel)


def drop_one(has_picture: Tensor, has_sound: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Masks (N,) with, by `probability`, one of the two hidden where both are there: either is as likely.
    Draws from torch."""
    both = has_picture & has_sound
    chosen, which = torch.rand(2, len(both), device=both.device)
    dropped = both & (chosen < probability)
    return has_picture & ~(dropped & (which < 0.5)), has_sound & ~(dropped & (which >= 0.5))


def sinusoid(times: Tensor, width: int) -> Tensor:
    """Times (..., L), 1 after the span's full length → (..., L, width): sines and cosines, half a cycle over
    it to 32."""
    angles = times.unsqueeze(-1) * math.pi * 2.0 ** torch.linspace(0, 6, width // 2, device=times.device)
    return torch.cat([angles.sin(), angles.cos()], -1)


def picture_tower(settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool) -> Tower:
    """A timm backbone, or the frame-level detector that `settings` names, without its head."""
    if settings.picture_detector is None:
        return backbone(settings, "picture", (clip.image_size, clip.image_size), initialise=initialise)
    detector = frame_level.detector(settings.picture_detector, settings, clip, initialise=initialise)
    detector.behead()
    # It scales its pictures itself, each in its own way.
    return Tower(
        FeatureTower(detector), detector.width, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), detector.provenance
    )


def build(
    settings: config.ModelSettings, mel: config.MelSettings, clip: config.ClipSettings, *, initialise: bool
) -> AudioVisual:
    """Both towers of `settings`, joined at `settings.width`."""
    if settings.width % (2 * HEADS):
        raise InputError(
            f"model.width is {settings.width}; wanted a multiple of {2 * HEADS}, for {HEADS} attention heads"
        )
    mel_size = (-(-n_rows(mel) // STRIDE) * STRIDE, -(-n_columns(mel, clip.seconds) // STRIDE) * STRIDE)
    picture = picture_tower(settings, clip, initialise=initialise)
    sound = backbone(settings, "sound", mel_size, pooled=False, initialise=initialise)
    return AudioVisual(settings, picture, sound, mel_size, clip.seconds)
