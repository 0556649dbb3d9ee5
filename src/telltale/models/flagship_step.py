"""Whether a mouth and a voice are in step: how alike their movements are, at each moment and each offset.

As in SyncNet (Chung and Zisserman, ACCV workshops 2016) both become vectors in time, and the similarity of
the mouth to the sound some steps earlier or later makes a curve, which peaks at 0 if both belong together.
Here the vectors are what changes: their mean over the clip is taken away, so that neither a voice nor a face
in itself is like another.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from telltale.models.flagship_layers import resample
from telltale.models.inputs import full_precision

WINDOW_SECONDS = 0.5  # over which a step's curve is averaged, on either side


class Curves(NamedTuple):
    """Of N clips, K steps and the offsets -R..R, in steps; offset o compares the mouth at step k with the
    sound at k + o.

    logits: float32 (N, K, 2R + 1), how alike they are around step k; a softmax over the offsets says which
        one is the right one
    valid: bool (N, K, 2R + 1), False where there is nothing to compare
    whole: float32 (N, 2R + 1), the same over the whole clip
    """

    logits: Tensor
    valid: Tensor
    whole: Tensor


class Moves(nn.Module):
    """Tokens (N, L, width) in time → (N, L, D): what each moment and its neighbours say of the mouth."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.before = nn.Conv1d(width, out, 3, padding=1)
        self.out = nn.Sequential(nn.GELU(), nn.Conv1d(out, out, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.before(tokens.transpose(1, 2))).transpose(1, 2)


class InStep(nn.Module):
    """seconds: of the span; hz: steps per second; reach: the largest offset in seconds."""

    band: Tensor
    at: Tensor
    places: Tensor

    def __init__(self, width: int, seconds: float, hz: float, reach: float) -> None:
        super().__init__()
        self.seconds, self.hz = seconds, hz
        self.steps, self.reach = max(round(seconds * hz), 1), max(round(reach * hz), 1)
        self.mouth, self.sound = Moves(width, width), Moves(width, width)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        at = torch.arange(self.steps)
        self.register_buffer("at", (at + 0.5) / hz, persistent=False)
        near = ((at[:, None] - at).abs() <= WINDOW_SECONDS * hz).float()
        self.register_buffer("band", near, persistent=False)
        # The sound is padded by R steps on both sides: step k at offset o lies at place k + o + R.
        self.register_buffer("places", at[:, None] + torch.arange(2 * self.reach + 1), persistent=False)
        count = 2 * self.reach + 1
        self.local = nn.Conv1d(count, width, 3, padding=1)
        self.out = nn.Sequential(nn.Linear(count + 4 + 2 * width, width), nn.GELU())

    def forward(
        self, mouth: Tensor, mouth_seconds: Tensor, sound: Tensor, sound_seconds: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor, Curves]:
        """The cue's features (N, width), those of each step (N, K, width), and the curves, all float32.

        mouth, sound: tokens (N, L, width) at their seconds, (N, L)
        present: bool (N,), the clips with both
        """
        spacing = self.seconds / max(mouth.shape[1] - 1, 1)
        moved = self.mouth(mouth)
        heard = self.sound(sound)
        with full_precision(mouth):
            sigma = 0.5 * max(spacing, 1 / self.hz)
            m = resample(moved, mouth_seconds, self.at, sigma)
            s = resample(heard, sound_seconds, self.at, 0.5 / self.hz)
            apart = (self.at[:, None] - mouth_seconds.float()[:, None, :]).abs().amin(2)
            covered = (apart <= max(spacing, 1 / self.hz)) & present[:, None]
            curves = self.curves(m, s, covered)
            features, steps = self.judged(curves)
        return features, steps, curves

    def curves(self, mouth: Tensor, sound: Tensor, covered: Tensor) -> Curves:
        """mouth, sound: (N, K, D) at the steps; covered: bool (N, K), steps at which there are both."""
        mouth, sound = _changes(mouth, covered), _changes(sound, covered)
        count, reach = mouth.shape[0], self.reach
        padded = nn.functional.pad(sound, (0, 0, reach, reach))
        there = nn.functional.pad(covered, (reach, reach))
        places = self.places.expand(count, -1, -1)
        alike = (mouth @ padded.transpose(1, 2)).gather(2, places)
        valid = there[:, None, :].expand(-1, self.steps, -1).gather(2, places) & covered[:, :, None]
        weight = valid.float()
        alike = alike * weight * self.sharpness.exp()
        around, total = self.band @ alike, self.band @ weight
        logits = around / total.clamp(min=1)
        whole = alike.sum(1) / weight.sum(1).clamp(min=1)
        return Curves(logits, valid, whole)

    def judged(self, curves: Curves) -> tuple[Tensor, Tensor]:
        """Features (N, width) of the curves, and (N, K, width) of those around each step."""
        shares = log_softmax(curves.whole, 1)
        middle = shares[:, self.reach]
        others = torch.cat([shares[:, : self.reach], shares[:, self.reach + 1 :]], 1)
        offsets = torch.arange(-self.reach, self.reach + 1, device=shares.device) / self.reach
        expected = (shares.exp() * offsets).sum(1)
        spread = (shares.exp() * offsets.abs()).sum(1)
        facts = torch.stack([middle, middle - others.amax(1), expected, spread], 1)
        local = log_softmax(curves.logits, 2).transpose(1, 2)
        steps = self.local(local).relu().transpose(1, 2)
        # Sound may be out of step for a part of the time only, so the most striking step counts, too.
        return self.out(torch.cat([shares, facts, steps.mean(1), steps.amax(1)], 1)), steps


def _changes(vectors: Tensor, covered: Tensor) -> Tensor:
    """(N, K, D) less their mean over the covered steps, scaled so that their mean square norm is one: steps
    at which nothing moves weigh little."""
    weight = covered.unsqueeze(2).float()
    count = weight.sum(1, keepdim=True).clamp(min=1)
    centred = (vectors - (vectors * weight).sum(1, keepdim=True) / count) * weight
    power = centred.square().sum((1, 2), keepdim=True) / count
    return centred * (power + 1e-6).rsqrt()
