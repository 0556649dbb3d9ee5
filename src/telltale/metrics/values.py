"""The value of each metric of `table.METRICS` on labelled scores.

A function returns a number, or a dictionary with a number for each rate that it is measured at. scikit-learn
is imported inside the functions: it takes two seconds that programs without metrics need not wait for.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.metrics import calibration, decisions, rates
from telltale.metrics.labelled_scores import LabelledScores


def auc(clips: LabelledScores) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(clips.targets, clips.fake_probabilities))


def partial_auc(clips: LabelledScores) -> dict[str, float]:
    return {str(limit): rates.partial_auc(*clips.curve, limit) for limit in rates.MAX_FPRS}


def tpr_at_fpr(clips: LabelledScores) -> dict[str, float]:
    reached = rates.tpr_at_fpr(*clips.curve, rates.FPRS)
    return {str(limit): float(tpr) for limit, tpr in zip(rates.FPRS, reached, strict=True)}


def allows_one_false_positive(clips: LabelledScores, fpr: str) -> bool:
    """Whether a false positive rate lets at least one genuine clip through. If not, the value is a TPR at
    FPR 0."""
    return clips.n_genuine >= 1 / float(fpr)


def fpr_at_tpr(clips: LabelledScores) -> dict[str, float]:
    lowest = rates.fpr_at_tpr(*clips.curve, rates.TPRS)
    return {str(target): float(fpr) for target, fpr in zip(rates.TPRS, lowest, strict=True)}


def average_precision(clips: LabelledScores) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(clips.targets, clips.fake_probabilities))


def equal_error_rate(clips: LabelledScores) -> float:
    return rates.equal_error_rate(*clips.curve)


def log_loss(clips: LabelledScores) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(clips.targets, clips.fake_probabilities))


def brier(clips: LabelledScores) -> float:
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(clips.targets, clips.fake_probabilities))


def calibration_error(clips: LabelledScores) -> dict[str, Any]:
    return calibration.calibration(clips.targets, clips.fake_probabilities)


def decision(clips: LabelledScores) -> dict[str, Any]:
    at_threshold = decisions.at_threshold(clips.targets, clips.fake_probabilities, clips.threshold)
    return {"threshold": clips.threshold, **at_threshold}


def selection(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[float, float]:
    """AUC and TPR at FPR 1e-3: a training run selects its best epoch by the first, then by the second.

    targets: (N,) int, 0 genuine or 1 forged. fake_probabilities: (N,) float in [0, 1]. Raises InputError as
    `rates.check` does.
    """
    clips = LabelledScores(np.asarray(targets), np.asarray(fake_probabilities))
    return auc(clips), tpr_at_fpr(clips)["0.001"]
