"""The row of an epoch in history.csv, and which epoch is the best."""

import numpy as np

from telltale.errors import InputError
from telltale.metrics.values import selection
from telltale.scores.score import Score, status_counts
from telltale.train.state import Progress


def add_epoch(progress: Progress, scores: list[Score], targets: dict[str, int | None], rate: float) -> bool:
    """Add the row of the epoch that was just validated to `progress.history`; return whether it is the best.

    scores: of all validation clips
    targets: by video name, 0 genuine and 1 forged
    rate: of the epoch's last step

    The best epoch has the highest AUC; among equals the highest TPR at FPR 1e-3; among equals the first.
    Raises InputError if the clips with a score are of one class only.
    """
    from sklearn.metrics import log_loss

    scored = [(targets[s.video_name], s.fake_probability) for s in scores if s.fake_probability is not None]
    truth, probability = np.array([t for t, _ in scored]), np.array([p for _, p in scored])
    if len(set(truth.tolist())) < 2:
        raise InputError(
            f"validation: {len(scored)} of {len(scores)} clips could be scored and they are not of both "
            "classes; wanted genuine and forged clips that can be read (statuses: "
            f"{status_counts(scores)})"
        )
    auc, tpr = selection(truth, probability)
    row = {
        "epoch": progress.epoch + 1,
        "train_loss": progress.loss_sum / max(progress.clips, 1),
        **mean_terms(progress),
        "rate": rate,
        "clips_per_second": (progress.clips + progress.unreadable) / max(progress.seconds, 1e-9),
        "validation_loss": float(log_loss(truth, probability)),
        "validation_auc": auc,
        "validation_tpr_at_fpr_1e-3": tpr,
        "train_unreadable": int(progress.unreadable),
        "validation_unscored": len(scores) - len(scored),
        "seconds": progress.seconds,
    }
    progress.history.append(row)
    if (auc, tpr) <= (progress.best_auc, progress.best_tpr):
        return False
    progress.best_epoch, progress.best_auc, progress.best_tpr = progress.epoch, auc, tpr
    progress.best_mean = progress.probability_sum / max(progress.clips, 1)
    return True


def mean_terms(progress: Progress) -> dict[str, float]:
    """Columns for the terms of the epoch's loss; none if there is only one term."""
    several = progress.terms if len(progress.terms) > 1 else {}
    return {f"train_{name}": value / max(progress.clips, 1) for name, value in several.items()}
