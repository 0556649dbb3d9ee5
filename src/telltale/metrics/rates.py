"""The ROC curve and what is read off it: TPR at low FPR, FPR at high TPR, equal error rate, partial AUC; and
the check of all input."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from telltale.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FPRS = (0.01, 0.005, 0.001)
TPRS = (0.9, 0.95, 0.99)
MAX_FPRS = (0.1, 0.01)
CLIP = float(np.finfo(np.float64).eps)  # scikit-learn's own, so that the two agree


def check(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[Integers, Floats]:
    """The two as arrays (N,) int64 and (N,) float64. Raises InputError naming what is wrong with them."""
    truth, scores = np.asarray(targets), np.asarray(fake_probabilities)
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise InputError(
            f"targets have shape {truth.shape}, fake probabilities {scores.shape}; wanted two equal lengths "
            "(N,)"
        )
    if scores.dtype.kind != "f":
        raise InputError(f"fake probabilities are {scores.dtype}; wanted floating-point numbers in [0, 1]")
    wrong = np.flatnonzero(~np.isin(truth, (0, 1)))
    if truth.dtype.kind not in "iub" or len(wrong):
        what = f"{truth[wrong[0]]} in row {wrong[0]}" if len(wrong) else str(truth.dtype)
        raise InputError(f"targets hold {what}; wanted integers 0 (genuine) or 1 (forged)")
    n_forged = int(np.count_nonzero(truth))
    if n_forged in (0, len(truth)):
        raise InputError(
            f"{len(truth) - n_forged} genuine and {n_forged} forged clips; wanted at least one of each to "
            "compare"
        )
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))  # NaN compares false, so it is found too
    if len(wrong):
        raise InputError(
            f"{len(wrong)} fake probabilities, first {scores[wrong[0]]} in row {wrong[0]}; wanted numbers "
            "in [0, 1]"
        )
    return truth.astype(np.int64), scores.astype(np.float64)


def roc(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """False and true positive rates, each (K + 1,): from (0, 0) to (1, 1) in one step for each of the K
    distinct scores."""
    from sklearn.metrics import roc_curve  # takes two seconds that programs without metrics need not wait for

    fpr, tpr, _ = roc_curve(*check(targets, fake_probabilities), drop_intermediate=False)
    return fpr, tpr


def tpr_at_fpr(fpr: Floats, tpr: Floats, limits: Sequence[float]) -> Floats:
    """(F,): for each limit the highest TPR of any threshold whose FPR does not exceed it. `fpr`, `tpr` as
    from `roc`."""
    # Both rise along the curve, so the last point within the limit is the highest. Rates are compared, not
    # counts with limit x n: 1 / 1000 and the literal 0.001 round to the same double, while 0.001 x n may fall
    # just short of a whole number.
    return tpr[np.searchsorted(fpr, limits, side="right") - 1]


def fpr_at_tpr(fpr: Floats, tpr: Floats, targets: Sequence[float]) -> Floats:
    """(T,): for each target TPR the lowest FPR of any threshold whose TPR is at least that. `fpr`, `tpr` as
    from `roc`."""
    return fpr[np.searchsorted(tpr, targets, side="left")]


def equal_error_rate(fpr: Floats, tpr: Floats) -> float:
    """FPR where it equals 1 - TPR, on the curve joined by straight lines. `fpr`, `tpr` as from `roc`."""
    balance = fpr + tpr - 1  # rises from -1 to 1
    right = int(np.searchsorted(balance, 0.0))
    left = right - 1
    share = -balance[left] / (balance[right] - balance[left])
    return float(fpr[left] + share * (fpr[right] - fpr[left]))


def partial_auc(fpr: Floats, tpr: Floats, max_fpr: float) -> float:
    """Area under the curve up to `max_fpr`, standardised so that chance is 0.5 and perfection 1 (McClish,
    Medical Decision Making 1989): 0.5 (1 + (area - chance) / (perfection - chance)). The curve's points are
    joined by straight lines, as scikit-learn's `roc_auc_score(max_fpr=...)` does. `fpr`, `tpr` as from `roc`;
    `max_fpr` in (0, 1]."""
    # The last point at or left of the limit, and then the limit itself on the line to the point after it.
    # If points lie on the limit, the curve's height is that of the highest one.
    end = int(np.searchsorted(fpr, max_fpr, side="right"))
    height = tpr[-1]
    if end < len(fpr):
        share = (max_fpr - fpr[end - 1]) / (fpr[end] - fpr[end - 1])
        height = tpr[end - 1] + share * (tpr[end] - tpr[end - 1])
    area = float(np.trapezoid(np.append(tpr[:end], height), np.append(fpr[:end], max_fpr)))
    return standardised(area, max_fpr)


def standardised(area: float, max_fpr: float) -> float:
    """An area under the curve up to `max_fpr`, so that chance is 0.5 and perfection 1."""
    chance = max_fpr**2 / 2
    return 0.5 * (1 + (area - chance) / (max_fpr - chance))
