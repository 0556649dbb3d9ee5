"""The row of an epoch in history.csv, and whether it is the best so far."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from telltale.errors import InputError
from telltale.metrics.values import selection
from telltale.scores.score import Score, status_counts
from telltale.train import best_epoch
from telltale.train.state import Progress


@dataclass(frozen=True)
class Judged:
    """Clips that were scored after an epoch.

    split: "validation" or "unseen"
    scores: of all its clips
    targets: by video name, 0 genuine and 1 forged
    """

    split: str
    scores: list[Score]
    targets: dict[str, int | None]

    def scored(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets, int (N,), and probabilities, float (N,), of the clips with a score. Raises InputError if
        they are of one class only."""
        found = [
            (self.targets[s.video_name], s.fake_probability)
            for s in self.scores
            if s.fake_probability is not None
        ]
        truth, probability = np.array([t for t, _ in found]), np.array([p for _, p in found])
        if len(set(truth.tolist())) < 2:
            raise InputError(
                f"{self.split}: {len(found)} of {len(self.scores)} clips could be scored and they are not of "
                "both classes; wanted genuine and forged clips that can be read (statuses: "
                f"{status_counts(self.scores)})"
            )
        return truth, probability


def add_epoch(
    progress: Progress,
    validation: Judged,
    rate: float,
    unseen: Judged | None = None,
    select: str = "validation",
    pseudo: Mapping[str, float | None] | None = None,
) -> bool:
    """Add the row of the epoch that was just validated to `progress.history`; return whether it is the best.

    rate: of the epoch's last step
    unseen: the clips that folds hold out; None without folds, then the row has no columns for them
    select: as of `optim.select`
    pseudo: columns of `gate.judge`; None where training makes no pseudo-forgeries

    The best epoch has the highest `best_epoch.rank` by `select`, and is the first of equals. Raises
    InputError if the clips with a score are of one class only, and if the epoch is to be chosen by
    pseudo-forgeries and none could be made.
    """
    from sklearn.metrics import log_loss

    truth, probability = validation.scored()
    auc, tpr = selection(truth, probability)
    of_unseen = {}
    if unseen is not None:
        columns = best_epoch.UNSEEN_AUC, best_epoch.UNSEEN_TPR
        of_unseen = dict(zip(columns, selection(*unseen.scored()), strict=True))
        of_unseen["unseen_unscored"] = sum(s.fake_probability is None for s in unseen.scores)
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
        "validation_unscored": len(validation.scores) - len(truth),
        **of_unseen,
        **(pseudo or {}),
        "seconds": progress.seconds,
    }
    if select == "pseudo" and row.get(best_epoch.PSEUDO_AUC) is None:
        raise InputError(
            "optim.select is 'pseudo', and no genuine validation clip and pseudo-forgery of one could be "
            "scored; wanted genuine validation clips that can be read, or optim.select=validation"
        )
    progress.history.append(row)
    if best_epoch.best(progress.history, select) != len(progress.history) - 1:
        return False
    progress.best_epoch, progress.best_auc, progress.best_tpr = progress.epoch, auc, tpr
    progress.best_mean = progress.probability_sum / max(progress.clips, 1)
    return True


def mean_terms(progress: Progress) -> dict[str, float]:
    """Columns for the terms of the epoch's loss; none if there is only one term."""
    several = progress.terms if len(progress.terms) > 1 else {}
    return {f"train_{name}": value / max(progress.clips, 1) for name, value in several.items()}
