"""Each metric of `values` for a bootstrap resample, from its counts at each distinct score.

The results equal those of `values` on the drawn clips up to rounding. Sums use einsum and not dot: dot calls
BLAS, whose threads make it slower for these sizes and change the last digits.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from telltale.metrics import decisions
from telltale.metrics.rates import FPRS, MAX_FPRS, TPRS, Floats, Integers, standardised
from telltale.metrics.score_steps import Resample


def auc(drawn: Resample) -> float:
    # A genuine clip loses to the forged clips of a higher score. `tp` counts those of equal score too, which
    # count one half: half of them is taken off.
    pairs = np.einsum("i,i->", drawn.genuine, drawn.tp)
    ties = np.einsum("i,i->", drawn.genuine, drawn.forged)
    return float((pairs - ties / 2) / (drawn.steps.n_genuine * drawn.steps.n_forged))


def average_precision(drawn: Resample) -> float:
    precision = drawn.scratch
    np.add(drawn.tp, drawn.fp, out=precision)
    np.maximum(precision, 1, out=precision)  # steps before the first drawn clip would be 0 / 0
    np.divide(drawn.tp, precision, out=precision)
    return float(np.einsum("i,i->", drawn.forged_weights, precision) / drawn.steps.n_forged)


def log_loss(drawn: Resample) -> float:
    return _mean(drawn, *drawn.steps.log_losses)


def brier(drawn: Resample) -> float:
    return _mean(drawn, *drawn.steps.squared_errors)


def _mean(drawn: Resample, of_genuine: Floats, of_forged: Floats) -> float:
    """The mean over the drawn clips of a number for each genuine and each forged clip, (K,) by step."""
    total = np.einsum("i,i->", drawn.genuine_weights, of_genuine)
    total += np.einsum("i,i->", drawn.forged_weights, of_forged)
    return float(total / (drawn.steps.n_genuine + drawn.steps.n_forged))


def calibration_error(drawn: Resample) -> dict[str, float]:
    starts = drawn.steps.bin_starts
    weighted = drawn.scratch
    np.add(drawn.genuine_weights, drawn.forged_weights, out=weighted)
    weighted *= drawn.steps.scores
    expected = np.add.reduceat(weighted, starts)  # the sum of fake probabilities in each bin
    last = np.append(starts[1:], len(drawn.steps)) - 1
    forged = np.diff(drawn.tp[last], prepend=0)
    gaps = np.abs(expected - forged).sum()
    return {"error": float(gaps / (drawn.steps.n_genuine + drawn.steps.n_forged))}


def partial_auc(drawn: Resample) -> dict[str, float]:
    return {str(limit): _partial_auc(drawn.fp, drawn.tp, limit) for limit in MAX_FPRS}


def _partial_auc(fp: Integers, tp: Integers, max_fpr: float) -> float:
    """`rates.partial_auc` from running counts: whole trapezoids up to the limit, then a part of the next."""
    n_genuine, n_forged = float(fp[-1]), float(tp[-1])
    limit = max_fpr * n_genuine
    end = int(np.searchsorted(fp, limit, side="right"))
    area, x, y = 0.0, 0.0, 0.0
    if end:
        widths = np.diff(fp[:end], prepend=0)
        # Twice the mean height of each trapezoid: integers, which are summed without rounding.
        heights = 2 * tp[:end] - np.diff(tp[:end], prepend=0)
        area, x, y = float(np.einsum("i,i->", widths, heights)) / 2, float(fp[end - 1]), float(tp[end - 1])
    if end < len(fp):
        height = y + (limit - x) / (fp[end] - x) * (tp[end] - y)
        area += (limit - x) * (y + height) / 2
    return standardised(area / (n_genuine * n_forged), max_fpr)


def tpr_at_fpr(drawn: Resample) -> dict[str, float]:
    reached = tprs_at(drawn, FPRS)
    return {str(limit): float(tpr) for limit, tpr in zip(FPRS, reached, strict=True)}


def tprs_at(drawn: Resample, fprs: Sequence[float]) -> Floats:
    """(F,): `rates.tpr_at_fpr` at any rates."""
    allowed = drawn.steps.most_false_positives(fprs)
    # The step at which false positives first exceed the limit; the TPR of the step before it counts.
    ends = np.searchsorted(drawn.fp, allowed, side="right")
    reached: Floats = np.where(ends > 0, drawn.tp[ends - 1], 0) / drawn.steps.n_forged
    return reached


def fpr_at_tpr(drawn: Resample) -> dict[str, float]:
    needed = drawn.steps.fewest_true_positives(TPRS)
    lowest = drawn.fp[np.searchsorted(drawn.tp, needed, side="left")] / drawn.steps.n_genuine
    return {str(target): float(fpr) for target, fpr in zip(TPRS, lowest, strict=True)}


def equal_error_rate(drawn: Resample) -> float:
    """`rates.equal_error_rate` from running counts. A bisection looks at log2(K) of the K steps."""
    fp, tp = drawn.fp, drawn.tp
    n_genuine, n_forged = float(fp[-1]), float(tp[-1])
    right = bisect_left(range(len(fp)), 0.0, key=lambda step: fp[step] / n_genuine + tp[step] / n_forged - 1)
    fpr, tpr = float(fp[right] / n_genuine), float(tp[right] / n_forged)
    fpr_left, tpr_left = 0.0, 0.0  # the curve begins there, before the first step
    if right:
        fpr_left, tpr_left = float(fp[right - 1] / n_genuine), float(tp[right - 1] / n_forged)
    before, after = fpr_left + tpr_left - 1, fpr + tpr - 1
    return fpr_left + -before / (after - before) * (fpr - fpr_left)


def decision(drawn: Resample) -> dict[str, float]:
    steps = drawn.steps
    last = steps.n_flagged - 1
    tp, fp = (int(counts[last]) if last >= 0 else 0 for counts in (drawn.tp, drawn.fp))
    return decisions.flagged(tp, fp, steps.n_forged, steps.n_genuine)
