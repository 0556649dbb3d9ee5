"""Targets and fake probabilities in, numbers out: what tells how well scores separate forged clips from
genuine ones.

    draws = bootstrap(targets, fake_probabilities, resamples=1000, seed=0)
    summary(targets, fake_probabilities, draws)["auc"]        # {"value": 0.91, "low": 0.88, "high": 0.94}

Everywhere: `targets` (N,) int, 0 genuine or 1 forged; `fake_probabilities` (N,) float in [0, 1], the higher
the more likely forged. Nothing is guessed: one class only, NaN, a value outside [0, 1] or two lengths raise
`InputError` saying so.
"""

from telltale.metrics.rates import (
    CLIP,
    FPRS,
    MAX_FPRS,
    TPRS,
    Floats,
    Integers,
    check,
    equal_error_rate,
    fpr_at_tpr,
    partial_auc,
    roc,
    selection,
    tpr_at_fpr,
)
from telltale.metrics.resampling import Draws, bootstrap, group_aucs, with_interval
from telltale.metrics.summary import DEFINITIONS, by_group, summary

__all__ = [
    "CLIP",
    "DEFINITIONS",
    "FPRS",
    "MAX_FPRS",
    "TPRS",
    "Draws",
    "Floats",
    "Integers",
    "bootstrap",
    "by_group",
    "check",
    "equal_error_rate",
    "fpr_at_tpr",
    "group_aucs",
    "partial_auc",
    "roc",
    "selection",
    "summary",
    "tpr_at_fpr",
    "with_interval",
]
