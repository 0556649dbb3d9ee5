"""Targets and fake probabilities in, numbers out: AUC, TPR at low FPR, AP, EER and log loss, with bootstrap intervals.

    draws = bootstrap(targets, fake_probabilities, resamples=1000, seed=0)
    summary(targets, fake_probabilities, draws)["auc"]        # {"value": 0.91, "low": 0.88, "high": 0.94}

Everywhere: `targets` (N,) int, 0 genuine or 1 forged; `fake_probabilities` (N,) float in [0, 1], the higher the more likely
forged. Nothing is guessed: one class only, NaN, a value outside [0, 1] or two lengths raise `InputError` saying so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FPRS = (0.01, 0.005, 0.001)
CLIP = float(np.finfo(np.float64).eps)  # scikit-learn's own, so that the two agree
DEFINITIONS = {
    "auc": "area under the ROC curve: the chance that a forged clip scores above a genuine one, a tie counting one half",
    "tpr_at_fpr": "highest true positive rate of any threshold whose false positive rate does not exceed the target; "
    "clips of equal score pass a threshold together, and nothing is interpolated",
    "ap": "average precision: precision at each distinct score, weighted by the recall it adds",
    "eer": "rate at which false positives equal false negatives, on the ROC curve joined by straight lines",
    "log_loss": "mean of -ln of the probability given to the true class, "
    f"probabilities clipped to [{CLIP:.3g}, 1 - {CLIP:.3g}]",
    "low, high": "2.5 and 97.5 percentiles of a bootstrap that resamples genuine and forged clips apart",
    "resolved": "true when there are at least 1 / FPR genuine clips; with fewer, not one false positive is allowed",
}


@dataclass(frozen=True)
class Draws:
    """What `resamples` = R bootstrap samples measured: each metric (R,), and `tpr` (R, F) at the F rates of `fprs`."""

    auc: Floats
    ap: Floats
    eer: Floats
    log_loss: Floats
    tpr: Floats
    fprs: tuple[float, ...]
    seed: int


def check(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[Integers, Floats]:
    """The two as arrays (N,) int64 and (N,) float64. Raises InputError naming what is wrong with them."""
    truth, scores = np.asarray(targets), np.asarray(fake_probabilities)
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise InputError(f"targets have shape {truth.shape}, fake probabilities {scores.shape}; wanted two equal lengths (N,)")
    if scores.dtype.kind != "f":
        raise InputError(f"fake probabilities are {scores.dtype}; wanted floating-point numbers in [0, 1]")
    wrong = np.flatnonzero(~np.isin(truth, (0, 1)))
    if truth.dtype.kind not in "iub" or len(wrong):
        what = f"{truth[wrong[0]]} in row {wrong[0]}" if len(wrong) else str(truth.dtype)
        raise InputError(f"targets hold {what}; wanted integers 0 (genuine) or 1 (forged)")
    n_forged = int(np.count_nonzero(truth))
    if n_forged in (0, len(truth)):
        raise InputError(f"{len(truth) - n_forged} genuine and {n_forged} forged clips; wanted at least one of each to compare")
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))  # NaN compares false, so it is found too
    if len(wrong):
        raise InputError(
            f"{len(wrong)} fake probabilities, first {scores[wrong[0]]} in row {wrong[0]}; wanted numbers in [0, 1]"
        )
    return truth.astype(np.int64), scores.astype(np.float64)


def roc(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """False and true positive rates, each (K + 1,): from (0, 0) to (1, 1) in one step for each of the K distinct scores."""
    from sklearn.metrics import roc_curve  # here and below: two seconds that programs without metrics need not wait for

    fpr, tpr, _ = roc_curve(*check(targets, fake_probabilities), drop_intermediate=False)
    return fpr, tpr


def tpr_at_fpr(fpr: Floats, tpr: Floats, limits: Sequence[float]) -> Floats:
    """(F,): for each limit the highest TPR of any threshold whose FPR does not exceed it. `fpr`, `tpr` as from `roc`."""
    # Both rise along the curve, so the last point within the limit is the highest. Rates are compared, not counts with
    # limit x n: 1 / 1000 and the literal 0.001 round to the same double, while 0.001 x n may fall just short of a whole number.
    return tpr[np.searchsorted(fpr, limits, side="right") - 1]


def equal_error_rate(fpr: Floats, tpr: Floats) -> float:
    """FPR where it equals 1 - TPR, on the curve joined by straight lines. `fpr`, `tpr` as from `roc`."""
    balance = fpr + tpr - 1  # rises from -1 to 1
    right = int(np.searchsorted(balance, 0.0))
    left = right - 1
    share = -balance[left] / (balance[right] - balance[left])
    return float(fpr[left] + share * (fpr[right] - fpr[left]))


def selection(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[float, float]:
    """AUC and TPR at FPR 1e-3: what a training run selects its best epoch by. Raises InputError as `check`."""
    from sklearn.metrics import roc_auc_score

    truth, scores = check(targets, fake_probabilities)
    return float(roc_auc_score(truth, scores)), float(tpr_at_fpr(*roc(truth, scores), [1e-3])[0])


def bootstrap(
    targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, *, resamples: int, seed: int, fprs: Sequence[float] = FPRS
) -> Draws:
    """Resample genuine and forged clips apart, with replacement, `resamples` times; the same seed gives the same draws.

    Scores are sorted once. A resample is then only a count of genuine and of forged clips at each distinct score, and every
    metric is a sum over these counts: O(N) time and memory per resample, and ties stay one step. Raises InputError as `check`.
    """
    truth, scores = check(targets, fake_probabilities)
    _check_resamples(resamples)
    falling, step = np.unique(-scores, return_inverse=True)
    given = np.clip(-falling, CLIP, 1 - CLIP)
    genuine_loss, forged_loss = -np.log1p(-given), -np.log(given)
    genuine_steps, forged_steps = step[truth == 0], step[truth == 1]
    singles, tprs = np.empty((4, resamples)), np.empty((resamples, len(fprs)))
    for draw in range(resamples):
        rng = np.random.default_rng([seed, draw])
        genuine = _resampled_counts(genuine_steps, len(falling), rng)
        forged = _resampled_counts(forged_steps, len(falling), rng)
        fp, tp = np.cumsum(genuine), np.cumsum(forged)  # whole numbers below 2**53: exact
        fpr, tpr = np.append(0.0, fp) / fp[-1], np.append(0.0, tp) / tp[-1]
        # Sums of products, not dot products: those go to BLAS, whose threads make them slower here and change the last digits.
        singles[0, draw] = (genuine * (tp - forged / 2)).sum() / (fp[-1] * tp[-1])
        singles[1, draw] = (forged * tp / np.maximum(tp + fp, 1)).sum() / tp[-1]  # before the first clip drawn, 0 / 1
        singles[2, draw] = equal_error_rate(fpr, tpr)
        singles[3, draw] = (genuine * genuine_loss + forged * forged_loss).sum() / (fp[-1] + tp[-1])
        tprs[draw] = tpr_at_fpr(fpr, tpr, fprs)
    auc, ap, eer, loss = singles
    return Draws(auc, ap, eer, loss, tprs, tuple(fprs), seed)


def summary(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, draws: Draws) -> dict[str, Any]:
    """The body of metrics.json: every metric with its value and interval, the counts and the definitions.

    `draws` come from `bootstrap` on the same clips, with FPRS among its rates.
    """
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    truth, scores = check(targets, fake_probabilities)
    fpr, tpr = roc(truth, scores)
    n_forged = int(truth.sum())
    n_genuine = len(truth) - n_forged
    at_fpr = {}
    for limit, value in zip(FPRS, tpr_at_fpr(fpr, tpr, FPRS), strict=True):
        column = draws.tpr[:, draws.fprs.index(limit)]
        at_fpr[str(limit)] = {**with_interval(float(value), column), "resolved": n_genuine >= 1 / limit}
    return {
        "auc": with_interval(float(roc_auc_score(truth, scores)), draws.auc),
        "tpr_at_fpr": at_fpr,
        "ap": with_interval(float(average_precision_score(truth, scores)), draws.ap),
        "eer": with_interval(equal_error_rate(fpr, tpr), draws.eer),
        "log_loss": with_interval(float(log_loss(truth, scores)), draws.log_loss),
        "n_genuine": n_genuine,
        "n_forged": n_forged,
        "bootstrap": {"resamples": len(draws.auc), "seed": draws.seed, "interval": 0.95},
        "definitions": DEFINITIONS,
    }


def with_interval(value: float, drawn: Floats) -> dict[str, float]:
    """{"value", "low", "high"}: the measured value and the 2.5 and 97.5 percentiles of what the resamples gave, (R,)."""
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": value, "low": float(low), "high": float(high)}


def group_aucs(
    targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, groups: Sequence[str], *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """AUC of the forged clips of each group against all genuine clips: group -> {"value", "low", "high", "n_forged"}.

    `groups` (N,) names each clip's group; those of genuine clips are not read. Groups come sorted by name. All groups share a
    resample's genuine clips, so a hundred groups cost about as much as one. InputError as `check`.
    """
    truth, scores = check(targets, fake_probabilities)
    _check_resamples(resamples)
    if len(groups) != len(truth):
        raise InputError(f"{len(groups)} groups for {len(truth)} clips; wanted one for each")
    forged = scores[truth == 1]
    names, member_of = np.unique(np.asarray(groups, dtype=object)[truth == 1].astype(str), return_inverse=True)
    members = [np.flatnonzero(member_of == index) for index in range(len(names))]
    genuine = np.sort(scores[truth == 0])
    below, not_above = np.searchsorted(genuine, forged, side="left"), np.searchsorted(genuine, forged, side="right")

    def aucs(counts: Floats, drawn: list[Integers]) -> list[float]:
        beaten = np.append(0.0, np.cumsum(counts))  # how many genuine clips lie below each place in their order
        placement = (beaten[below] + beaten[not_above]) / (2 * beaten[-1])
        return [float(placement[rows].mean()) for rows in drawn]

    found = np.empty((resamples, len(names)))
    places = np.arange(len(genuine))
    for draw in range(resamples):
        rng = np.random.default_rng([seed, draw])
        counts = _resampled_counts(places, len(genuine), rng)
        found[draw] = aucs(counts, [rows[rng.integers(len(rows), size=len(rows))] for rows in members])
    values = aucs(np.ones(len(genuine)), members)
    return {
        str(name): {**with_interval(value, found[:, index]), "n_forged": len(members[index])}
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    }


def _resampled_counts(places: Integers, length: int, rng: np.random.Generator) -> Floats:
    """(length,): how often each place comes up when as many of `places` as there are get drawn with replacement."""
    return np.bincount(places[rng.integers(len(places), size=len(places))], minlength=length).astype(np.float64)


def _check_resamples(resamples: int) -> None:
    if resamples < 1:
        raise InputError(f"{resamples} bootstrap resamples; wanted 1 or more, such as 1000")
