"""Bootstrap: genuine and forged clips drawn apart, with replacement, and what each draw measures.

Draw number d uses a generator of its own, keyed by (seed, d): draws are shared out among threads and do not
depend on how many there are, and two models measured on the same clips in the same order are measured on the
same draws.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.errors import InputError
from telltale.metrics import calibration, decisions
from telltale.metrics.rates import CLIP, FPRS, MAX_FPRS, TPRS, Floats, Integers, check, standardised
from telltale.runtime.progress import bar
from telltale.runtime.threads import cores

PART = 25  # draws that a thread does before it says so


@dataclass(frozen=True)
class Draws:
    """What `resamples` = R bootstrap samples measured: each metric (R,); `tpr` (R, F) at the F rates of
    `fprs`, `fpr` (R, 3) at the rates of TPRS, `partial_auc` (R, 2) up to those of MAX_FPRS; `flagged` (R, 2):
    forged and genuine clips at or above `threshold`."""

    auc: Floats
    ap: Floats
    eer: Floats
    log_loss: Floats
    tpr: Floats
    fprs: tuple[float, ...]
    seed: int
    brier: Floats
    calibration_error: Floats
    partial_auc: Floats
    fpr: Floats
    flagged: Floats
    threshold: float


def bootstrap(
    targets: npt.ArrayLike,
    fake_probabilities: npt.ArrayLike,
    *,
    resamples: int,
    seed: int,
    fprs: Sequence[float] = FPRS,
    threshold: float = 0.5,
) -> Draws:
    """Resample genuine and forged clips apart, with replacement, `resamples` times; the same seed gives the
    same draws.

    Scores are sorted once. A resample is then only a count of genuine and of forged clips at each distinct
    score, and every metric is a sum over these counts: O(N) time and memory per resample, and ties stay one
    step. Raises InputError as `check`.
    """
    truth, scores = check(targets, fake_probabilities)
    _check_resamples(resamples)
    steps = _Steps(truth, scores, fprs, threshold)
    singles, tprs = np.empty((6, resamples)), np.empty((resamples, len(fprs)))
    partial, fpr = np.empty((resamples, len(MAX_FPRS))), np.empty((resamples, len(TPRS)))
    flagged = np.empty((resamples, 2))

    def some(numbers: range) -> None:
        room = np.empty(
            (5, steps.length)
        )  # asked for anew in every draw, memory would cost as much as the sums
        for draw in numbers:
            rng = np.random.default_rng([seed, draw])
            singles[:, draw], tprs[draw], fpr[draw], partial[draw], flagged[draw] = steps.measured(rng, room)

    _shared_out(some, resamples)
    auc, ap, eer, loss, brier, calibration_error = singles
    return Draws(
        auc,
        ap,
        eer,
        loss,
        tprs,
        tuple(fprs),
        seed,
        brier,
        calibration_error,
        partial,
        fpr,
        flagged,
        threshold,
    )


class _Steps:
    """The clips as steps of equal score, falling, and all that is the same in every resample."""

    def __init__(self, truth: Integers, scores: Floats, fprs: Sequence[float], threshold: float) -> None:
        falling, step = np.unique(-scores, return_inverse=True)
        given = -falling
        self.length = len(falling)
        self.genuine, self.forged = step[truth == 0], step[truth == 1]
        self.n_genuine, self.n_forged = len(self.genuine), len(self.forged)
        clipped = np.clip(given, CLIP, 1 - CLIP)
        self.given, self.losses = given, (-np.log1p(-clipped), -np.log(clipped))
        self.squares = (given**2, (1 - given) ** 2)
        bins = calibration.bin_of(given)
        self.bin_starts = np.flatnonzero(np.append(True, bins[1:] != bins[:-1]))
        self.flagged_steps = int(np.searchsorted(falling, -threshold, side="right"))
        # Rates are compared, not products of counts (see `rates.tpr_at_fpr`): the counts that keep to each
        # limit, once for all.
        self.allowed = np.searchsorted(np.arange(self.n_genuine + 1) / self.n_genuine, fprs, side="right") - 1
        self.needed = np.searchsorted(np.arange(self.n_forged + 1) / self.n_forged, TPRS, side="left")

    def measured(
        self, rng: np.random.Generator, room: Floats
    ) -> tuple[list[float], Floats, Floats, list[float], list[float]]:
        """One resample: AUC, AP, EER, log loss, Brier score and calibration error; TPRs; FPRs; partial AUCs;
        flagged clips.

        room: (5, K) of memory to work in, for the K steps.
        """
        genuine_counts = _resampled_counts(self.genuine, self.length, rng)
        forged_counts = _resampled_counts(self.forged, self.length, rng)
        genuine, forged, share = room[:3]
        genuine[:], forged[:] = genuine_counts, forged_counts
        fp, tp = room[3:].view(np.int64)
        np.cumsum(genuine_counts, out=fp)
        np.cumsum(forged_counts, out=tp)
        n, m = float(self.n_genuine), float(self.n_forged)
        # einsum, not dot: that goes to BLAS, whose threads make it slower here and change the last digits.
        auc = (
            np.einsum("i,i->", genuine_counts, tp) - np.einsum("i,i->", genuine_counts, forged_counts) / 2
        ) / (n * m)
        np.add(tp, fp, out=share)
        np.maximum(share, 1, out=share)  # before the first clip drawn, 0 / 1
        np.divide(tp, share, out=share)
        ap = np.einsum("i,i->", forged, share) / m
        loss, brier = (
            (np.einsum("i,i->", genuine, false) + np.einsum("i,i->", forged, true)) / (n + m)
            for false, true in (self.losses, self.squares)
        )
        genuine += forged
        genuine *= self.given
        expected = np.add.reduceat(genuine, self.bin_starts)
        ends = np.append(self.bin_starts[1:], self.length) - 1
        seen = np.diff(tp[ends], prepend=0)
        calibration_error = np.abs(expected - seen).sum() / (n + m)
        tprs = _before(tp, np.searchsorted(fp, self.allowed, side="right")) / m
        fprs = fp[np.searchsorted(tp, self.needed, side="left")] / n
        partial = [_partial_auc(fp, tp, limit) for limit in MAX_FPRS]
        flagged = [float(_before(counts, self.flagged_steps)) for counts in (tp, fp)]
        singles = [auc, ap, _equal_error_rate(fp, tp), loss, brier, float(calibration_error)]
        return singles, tprs, fprs, partial, flagged


def group_aucs(
    targets: npt.ArrayLike,
    fake_probabilities: npt.ArrayLike,
    groups: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """AUC of the forged clips of each group against all genuine clips: group -> {"value", "low", "high",
    "n_forged"}.

    `groups` (N,) names each clip's group; those of genuine clips are not read. Groups come sorted by name.
    All groups share a resample's genuine clips, so a hundred groups cost about as much as one. InputError as
    `check`.
    """
    truth, scores = check(targets, fake_probabilities)
    _check_resamples(resamples)
    if len(groups) != len(truth):
        raise InputError(f"{len(groups)} groups for {len(truth)} clips; wanted one for each")
    forged = scores[truth == 1]
    names, member_of = np.unique(
        np.asarray(groups, dtype=object)[truth == 1].astype(str), return_inverse=True
    )
    members = [np.flatnonzero(member_of == index) for index in range(len(names))]
    genuine = np.sort(scores[truth == 0])
    below, not_above = (
        np.searchsorted(genuine, forged, side="left"),
        np.searchsorted(genuine, forged, side="right"),
    )

    def aucs(counts: Floats, drawn: list[Integers]) -> list[float]:
        beaten = np.append(
            0.0, np.cumsum(counts)
        )  # how many genuine clips lie below each place in their order
        placement = (beaten[below] + beaten[not_above]) / (2 * beaten[-1])
        return [float(placement[rows].mean()) for rows in drawn]

    found = np.empty((resamples, len(names)))
    places = np.arange(len(genuine))

    def some(numbers: range) -> None:
        for draw in numbers:
            rng = np.random.default_rng([seed, draw])
            counts = _resampled_counts(places, len(genuine), rng).astype(np.float64)
            found[draw] = aucs(counts, [rows[rng.integers(len(rows), size=len(rows))] for rows in members])

    _shared_out(some, resamples)
    values = aucs(np.ones(len(genuine)), members)
    return {
        str(name): {**with_interval(value, found[:, index]), "n_forged": len(members[index])}
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    }


def with_interval(value: float, drawn: Floats) -> dict[str, float]:
    """{"value", "low", "high"}: the measured value and the 2.5 and 97.5 percentiles of what the resamples
    gave, (R,)."""
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": value, "low": float(low), "high": float(high)}


def flagged_intervals(draws: Draws, n_forged: int, n_genuine: int) -> dict[str, Floats]:
    """What `decisions.flagged` says of each resample's clips at the threshold: name -> (R,)."""
    return decisions.flagged(draws.flagged[:, 0], draws.flagged[:, 1], n_forged, n_genuine)


def _before(counts: Integers, ends: Any) -> Any:
    """The running `counts` (K,) just before each of `ends`, 0 before the first."""
    return np.where(np.asarray(ends) > 0, counts[np.asarray(ends) - 1], 0)


def _equal_error_rate(fp: Integers, tp: Integers) -> float:
    """`rates.equal_error_rate` from running counts, looking only at the steps that a bisection meets."""
    n, m = float(fp[-1]), float(tp[-1])
    right = bisect_left(range(len(fp)), 0.0, key=lambda at: fp[at] / n + tp[at] / m - 1)
    fpr, tpr = float(fp[right] / n), float(tp[right] / m)
    fpr_left, tpr_left = (float(fp[right - 1] / n), float(tp[right - 1] / m)) if right else (0.0, 0.0)
    before, after = fpr_left + tpr_left - 1, fpr + tpr - 1
    return fpr_left + -before / (after - before) * (fpr - fpr_left)


def _partial_auc(fp: Integers, tp: Integers, max_fpr: float) -> float:
    """`rates.partial_auc` from running counts: the trapezoids of the steps up to the limit, and the part of
    the next one."""
    n, m = float(fp[-1]), float(tp[-1])
    limit = max_fpr * n
    end = int(np.searchsorted(fp, limit, side="right"))
    area = 0.0
    x, y = 0.0, 0.0
    if end:
        widths = np.diff(fp[:end], prepend=0)
        heights = 2 * tp[:end] - np.diff(tp[:end], prepend=0)  # twice the mean of a step's two ends
        area, x, y = float(np.einsum("i,i->", widths, heights)) / 2, float(fp[end - 1]), float(tp[end - 1])
    if end < len(fp):
        reached = y + (limit - x) / (fp[end] - x) * (tp[end] - y)
        area += (limit - x) * (y + reached) / 2
    return standardised(area / (n * m), max_fpr)


def _resampled_counts(places: Integers, length: int, rng: np.random.Generator) -> Integers:
    """(length,): how often each place comes up when as many of `places` as there are get drawn with
    replacement."""
    return np.bincount(places[rng.integers(len(places), size=len(places))], minlength=length)


def _shared_out(some: Callable[[range], None], resamples: int) -> None:
    """Call `some` with the numbers of each part of the draws, in a thread a core: numpy gives up its lock in
    long calls."""
    parts = [range(first, min(first + PART, resamples)) for first in range(0, resamples, PART)]
    shown = bar(resamples, "resampling", "draw", delay=0.5)
    with ThreadPoolExecutor(min(cores(), len(parts))) as pool:
        for part, _ in zip(parts, pool.map(some, parts), strict=True):
            shown.update(len(part))
    shown.close()


def _check_resamples(resamples: int) -> None:
    if resamples < 1:
        raise InputError(f"{resamples} bootstrap resamples; wanted 1 or more, such as 1000")
