"""Which epoch of a run is the best, from the rows of its history.csv. Free of torch.

rank(row, "both")                                  # (mean AUC, mean TPR): the higher is better
best(history, "validation")                        # the row number of the best epoch
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

AUC, TPR = "validation_auc", "validation_tpr_at_fpr_1e-3"
UNSEEN_AUC, UNSEEN_TPR = "unseen_auc", "unseen_tpr_at_fpr_1e-3"
COLUMNS = {"validation": [(AUC, TPR)], "unseen": [(UNSEEN_AUC, UNSEEN_TPR)]}
COLUMNS["both"] = COLUMNS["validation"] + COLUMNS["unseen"]


def rank(row: Mapping[str, Any], select: str) -> tuple[float, float]:
    """AUC and TPR at FPR 1e-3 by which an epoch is chosen: of the validation clips, of the unseen clips, or
    the mean of both.

    row: of history.csv. select: as of `optim.select`. Raises KeyError if the row lacks a column, and
    ValueError if a value is no number.
    """
    values = [(float(row[auc]), float(row[tpr])) for auc, tpr in COLUMNS[select]]
    if len(values) == 1:
        return values[0]
    return math.fsum(auc for auc, _ in values) / 2, math.fsum(tpr for _, tpr in values) / 2


def best(history: Sequence[Mapping[str, Any]], select: str) -> int:
    """The number of the row with the highest rank, the first of equals, from 0; -1 if there is none."""
    ranks = [rank(row, select) for row in history]
    return max(range(len(ranks)), key=ranks.__getitem__, default=-1)
