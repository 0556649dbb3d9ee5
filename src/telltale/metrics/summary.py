"""The body of metrics.json for one model: every metric with its value and interval, and what each one
means."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from telltale.metrics.calibration import BINS, calibration
from telltale.metrics.decisions import at_threshold
from telltale.metrics.rates import (
    CLIP,
    FPRS,
    MAX_FPRS,
    TPRS,
    check,
    equal_error_rate,
    fpr_at_tpr,
    partial_auc,
    roc,
    tpr_at_fpr,
)
from telltale.metrics.resampling import Draws, flagged_intervals, group_aucs, with_interval

DEFINITIONS = {
    "auc": (
        "area under the ROC curve: the chance that a forged clip scores above a genuine one, a tie "
        "counting one half"
    ),
    "partial_auc": "area under the ROC curve, joined by straight lines, up to the stated false positive "
    "rate, standardised so "
    "that 0.5 is chance and 1 perfection (McClish 1989)",
    "tpr_at_fpr": "highest true positive rate of any threshold whose false positive rate does not "
    "exceed the target; "
    "clips of equal score pass a threshold together, and nothing is interpolated",
    "fpr_at_tpr": (
        "lowest false positive rate of any threshold whose true positive rate is at least the target"
    ),
    "ap": "average precision: precision at each distinct score, weighted by the recall it adds",
    "eer": "rate at which false positives equal false negatives, on the ROC curve joined by straight lines",
    "log_loss": "mean of -ln of the probability given to the true class, "
    f"probabilities clipped to [{CLIP:.3g}, 1 - {CLIP:.3g}]",
    "brier": "mean squared difference between the fake probability and the target",
    "calibration": f"{BINS} bins of equal width over [0, 1]; error: mean over bins, weighted by their "
    f"clips, of |mean fake "
    "probability - share of forged clips|; maximum: the largest such difference of a bin that has clips",
    "decision": "clips with a fake probability of at least the threshold are flagged as forged; macro: "
    "the plain mean of the "
    "two classes' values, null where a class is never called",
    "base_rates": "precision = b TPR / (b TPR + (1 - b) FPR) where a share b of all clips is forged, "
    "with TPR and FPR at the "
    "threshold, null where nothing is flagged; one_in: one in so many flagged clips is forged; pessimistic: "
    "with the upper "
    "95 % Clopper-Pearson bound of the FPR and the lower one of the TPR, each one-sided",
    "low, high": "2.5 and 97.5 percentiles of a bootstrap that resamples genuine and forged clips apart",
    "resolved": (
        "true when there are at least 1 / FPR genuine clips; with fewer, not one false positive is allowed"
    ),
}


def summary(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, draws: Draws) -> dict[str, Any]:
    """Every metric with its value and interval, the counts, the decision at `draws.threshold`, and the
    definitions.

    `draws` come from `bootstrap` on the same clips, with FPRS among its rates.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    truth, scores = check(targets, fake_probabilities)
    fpr, tpr = roc(truth, scores)
    n_forged = int(truth.sum())
    n_genuine = len(truth) - n_forged
    at_fpr = {}
    for limit, value in zip(FPRS, tpr_at_fpr(fpr, tpr, FPRS), strict=True):
        column = draws.tpr[:, draws.fprs.index(limit)]
        at_fpr[str(limit)] = {**with_interval(float(value), column), "resolved": n_genuine >= 1 / limit}
    at_tpr = {
        str(wanted): with_interval(float(value), draws.fpr[:, index])
        for index, (wanted, value) in enumerate(zip(TPRS, fpr_at_tpr(fpr, tpr, TPRS), strict=True))
    }
    partial = {
        str(limit): with_interval(partial_auc(fpr, tpr, limit), draws.partial_auc[:, index])
        for index, limit in enumerate(MAX_FPRS)
    }
    calibrated = calibration(truth, scores)
    decided = {"threshold": draws.threshold, **at_threshold(truth, scores, draws.threshold)}
    for name, drawn in flagged_intervals(draws, n_forged, n_genuine).items():
        decided[name] = with_interval(decided[name], drawn)
    return {
        "auc": with_interval(float(roc_auc_score(truth, scores)), draws.auc),
        "partial_auc": partial,
        "tpr_at_fpr": at_fpr,
        "fpr_at_tpr": at_tpr,
        "ap": with_interval(float(average_precision_score(truth, scores)), draws.ap),
        "eer": with_interval(equal_error_rate(fpr, tpr), draws.eer),
        "log_loss": with_interval(float(log_loss(truth, scores)), draws.log_loss),
        "brier": with_interval(float(brier_score_loss(truth, scores)), draws.brier),
        "calibration": {**calibrated, "error": with_interval(calibrated["error"], draws.calibration_error)},
        "decision": decided,
        "n_genuine": n_genuine,
        "n_forged": n_forged,
        "bootstrap": {"resamples": len(draws.auc), "seed": draws.seed, "interval": 0.95},
        "definitions": DEFINITIONS,
    }


def by_group(
    targets: npt.ArrayLike,
    fake_probabilities: npt.ArrayLike,
    groups: Sequence[str | None],
    threshold: float,
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Group -> {"value", "low", "high", "n_genuine", "n_forged", "tpr", "fpr"}, sorted by name.

    `groups` (N,) names each clip's group, None a clip's that has none. value, low, high: the AUC of the
    group's forged clips against all genuine ones, as `group_aucs` gives it. tpr, fpr: the shares of the
    group's own clips at or above `threshold`. What needs clips that a group has not is None. InputError as
    `check`.
    """
    truth, scores = check(targets, fake_probabilities)
    aucs = group_aucs(truth, scores, [group or "" for group in groups], resamples=resamples, seed=seed)
    rows: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        if group:
            rows.setdefault(group, []).append(row)
    found: dict[str, dict[str, Any]] = {}
    for group, members in sorted(rows.items()):
        own, called = truth[members], scores[members] >= threshold
        n_forged = int(own.sum())
        found[group] = {
            **aucs.get(group, {"value": None, "low": None, "high": None}),
            "n_genuine": len(own) - n_forged,
            "n_forged": n_forged,
            "tpr": float(called[own == 1].mean()) if n_forged else None,
            "fpr": float(called[own == 0].mean()) if n_forged < len(own) else None,
        }
    return found
