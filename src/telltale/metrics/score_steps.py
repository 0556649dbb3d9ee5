"""A bootstrap resample as counts: how many genuine and how many forged clips it draws at each distinct score.

Every metric of a resample is then a sum over the K distinct scores, in O(K) time and without sorting anew.
Clips of equal score stay one step of the ROC curve, as they do in the original sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from telltale.metrics import calibration
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.rates import CLIP, Floats, Integers


class ScoreSteps:
    """The clips as K steps of equal score, from the highest score to the lowest, and what resamples share.

    scores: (K,) the distinct fake probabilities, falling.
    genuine, forged: (n_genuine,) and (n_forged,) int64, the step of each clip of the class.
    threshold: clips of at least this fake probability are flagged as forged.
    """

    def __init__(self, clips: LabelledScores) -> None:
        negated, step_of_clip = np.unique(-clips.fake_probabilities, return_inverse=True)
        self.scores = -negated
        self.genuine, self.forged = step_of_clip[clips.targets == 0], step_of_clip[clips.targets == 1]
        self.n_genuine, self.n_forged = len(self.genuine), len(self.forged)
        self.threshold = clips.threshold
        self._counts_within: dict[tuple[str, tuple[float, ...]], Integers] = {}

    def __len__(self) -> int:
        return len(self.scores)

    # The properties below are computed on first use. If two threads compute one, they store equal arrays.

    @cached_property
    def log_losses(self) -> tuple[Floats, Floats]:
        """The log loss of a genuine and of a forged clip at each step: two (K,)."""
        clipped = np.clip(self.scores, CLIP, 1 - CLIP)
        return -np.log1p(-clipped), -np.log(clipped)

    @cached_property
    def squared_errors(self) -> tuple[Floats, Floats]:
        """The squared error of a genuine and of a forged clip at each step: two (K,)."""
        return self.scores**2, (1 - self.scores) ** 2

    @cached_property
    def bin_starts(self) -> Integers:
        """The first step of each calibration bin that has a clip. Scores fall, so a bin is a run of steps."""
        bins = calibration.bin_of(self.scores)
        return np.flatnonzero(np.append(True, bins[1:] != bins[:-1]))

    @cached_property
    def n_flagged(self) -> int:
        """How many steps, from the first, lie at or above the threshold."""
        return int(np.searchsorted(-self.scores, -self.threshold, side="right"))

    def most_false_positives(self, fprs: Sequence[float]) -> Integers:
        """(F,): for each rate the largest number of false positives whose rate does not exceed it."""
        # Rates are compared, not counts with fpr x n: see `rates.tpr_at_fpr`. A resample has as many genuine
        # clips as the sample, so these numbers hold for all resamples.
        key = ("fpr", tuple(fprs))
        if key not in self._counts_within:
            all_rates = np.arange(self.n_genuine + 1) / self.n_genuine
            self._counts_within[key] = np.searchsorted(all_rates, fprs, side="right") - 1
        return self._counts_within[key]

    def fewest_true_positives(self, tprs: Sequence[float]) -> Integers:
        """(T,): for each rate the smallest number of true positives whose rate is at least that."""
        key = ("tpr", tuple(tprs))
        if key not in self._counts_within:
            all_rates = np.arange(self.n_forged + 1) / self.n_forged
            self._counts_within[key] = np.searchsorted(all_rates, tprs, side="left")
        return self._counts_within[key]

    def memory(self) -> Floats:
        """(5, K) of memory for `resample`. A thread uses one for all its draws: fresh memory in each draw
        would cost as much time as the sums."""
        return np.empty((5, len(self)))

    def resample(self, rng: np.random.Generator, memory: Floats) -> "Resample":
        """Draw as many genuine clips as there are, then as many forged ones, with replacement.

        memory: from `memory`; the arrays of the Resample lie in it, so the next draw overwrites them.
        """
        genuine = resampled_counts(self.genuine, len(self), rng)
        forged = resampled_counts(self.forged, len(self), rng)
        genuine_weights, forged_weights, scratch = memory[:3]
        genuine_weights[:], forged_weights[:] = genuine, forged
        fp, tp = memory[3:].view(np.int64)  # integers and floats have 8 bytes each
        np.cumsum(genuine, out=fp)
        np.cumsum(forged, out=tp)
        return Resample(self, genuine, forged, genuine_weights, forged_weights, fp, tp, scratch)


@dataclass(frozen=True)
class Resample:
    """One bootstrap resample, as the `resampled` function of a metric gets it. Arrays are (K,), one element
    for each step; a function must change none but `scratch`.

    genuine, forged: int64, how many drawn clips of the class have the step's score.
    genuine_weights, forged_weights: the same as float64, for sums with numbers that are not whole.
    fp, tp: int64, running sums of `genuine` and `forged`: false and true positives if the threshold is the
        step's score.
    scratch: float64 of any content, for a function to overwrite.
    """

    steps: ScoreSteps
    genuine: Integers
    forged: Integers
    genuine_weights: Floats
    forged_weights: Floats
    fp: Integers
    tp: Integers
    scratch: Floats

    def clips(self) -> LabelledScores:
        """The drawn clips one by one, for a metric that has no formula on counts."""
        steps = self.steps
        targets = np.repeat([0, 1], [steps.n_genuine, steps.n_forged])
        drawn = np.concatenate([np.repeat(steps.scores, each) for each in (self.genuine, self.forged)])
        return LabelledScores(targets, drawn, steps.threshold)


def resampled_counts(positions: Integers, length: int, rng: np.random.Generator) -> Integers:
    """(length,) int64: how often each position comes up if as many of `positions` as there are get drawn with
    replacement."""
    return np.bincount(positions[rng.integers(len(positions), size=len(positions))], minlength=length)
