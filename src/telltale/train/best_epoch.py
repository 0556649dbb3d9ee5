"""Which epoch of a run is the best, from the rows of its history.csv. Free of torch.

rank(row, "both")                                  # (mean AUC, mean TPR): the higher is better
rank(row, "pseudo")                                # (AUC of pseudo-forgeries, mean AUC of their cues)
best(history, "validation")                        # the row number of the best epoch
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

AUC, TPR = "validation_auc", "validation_tpr_at_fpr_1e-3"
UNSEEN_AUC, UNSEEN_TPR = "unseen_auc", "unseen_tpr_at_fpr_1e-3"
COLUMNS = {"validation": [(AUC, TPR)], "unseen": [(UNSEEN_AUC, UNSEEN_TPR)]}
COLUMNS["both"] = COLUMNS["validation"] + COLUMNS["unseen"]
# Genuine validation clips against their pseudo-forgeries: of all by the logit, of each cue by its head.
PSEUDO_AUC = "pseudo_auc"
CUE_AUCS = {cue: f"pseudo_{cue}_auc" for cue in ("picture", "motion", "sound", "in_step")}


def rank(row: Mapping[str, Any], select: str) -> tuple[float, float]:
    """AUC and TPR at FPR 1e-3 by which an epoch is chosen: of the validation clips, of the unseen clips, or
    the mean of both. By "pseudo": the AUC of genuine validation clips against their pseudo-forgeries, and the
    mean of the cues' AUCs, or, of a detector without cues, the validation clips' TPR. By "last": the number
    of the epoch.

    row: of history.csv. select: as of `optim.select`. Raises KeyError if the row lacks a column, and
    ValueError if a value is no number.
    """
    if select == "last":
        return float(row["epoch"]), 0.0
    if select == "pseudo":
        auc = number(row[PSEUDO_AUC])
        if auc is None:
            raise ValueError(f"{PSEUDO_AUC} of epoch {row['epoch']} is not known; wanted a number")
        cues = [value for name in CUE_AUCS.values() if (value := number(row.get(name))) is not None]
        return auc, math.fsum(cues) / len(cues) if cues else float(row[TPR])
    values = [(float(row[auc]), float(row[tpr])) for auc, tpr in COLUMNS[select]]
    if len(values) == 1:
        return values[0]
    return math.fsum(auc for auc, _ in values) / 2, math.fsum(tpr for _, tpr in values) / 2


def number(value: Any) -> float | None:
    """A field of history.csv as a number; None for one that is empty or not known."""
    found = math.nan if value in (None, "") else float(value)
    return None if math.isnan(found) else found


def best(history: Sequence[Mapping[str, Any]], select: str) -> int:
    """The number of the row with the highest rank, the first of equals, from 0; -1 if there is none."""
    ranks = [rank(row, select) for row in history]
    return max(range(len(ranks)), key=ranks.__getitem__, default=-1)
