"""The decisions of a threshold: counts and rates, exact bounds, precision at base rates, and how a threshold
is chosen.

A clip is flagged as forged if its fake probability is at least the threshold.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.errors import InputError
from telltale.metrics.rates import Floats, Integers, check

BASE_RATES = (0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9)
CHOICES = "fpr=RATE (such as fpr=0.01), eer, youden or f1"


def clopper_pearson(hits: int, n: int, level: float) -> tuple[float, float]:
    """Exact two-sided bounds at confidence `level` of a share that was measured as `hits` of `n` (Clopper and
    Pearson, Biometrika 1934)."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def flagged(tp: Any, fp: Any, n_forged: int, n_genuine: int) -> dict[str, Any]:
    """TPR, FPR, accuracy and macro F1 from counts of flagged clips.

    tp, fp: flagged forged and flagged genuine clips, two numbers or two arrays of one shape. n_forged,
    n_genuine: all clips of the class, at least one. The F1 of a class is 2 hits / (clips of the class + clips
    called so), so its denominator is not 0.
    """
    fn, tn = n_forged - tp, n_genuine - fp
    f1 = (2 * tp / (n_forged + tp + fp) + 2 * tn / (n_genuine + tn + fn)) / 2
    return {
        "tpr": tp / n_forged,
        "fpr": fp / n_genuine,
        "accuracy": (tp + tn) / (n_forged + n_genuine),
        "macro_f1": f1,
    }


def counted(tp: int, fp: int, n_forged: int, n_genuine: int) -> dict[str, Any]:
    """All that follows from a decision's counts: the counts, rates, macro precision, recall and F1, one-sided
    95 % bounds of the rates, and `base_rates`.

    `macro_precision` is None if one class is never called: its precision would be 0 / 0.
    """
    fn, tn = n_forged - tp, n_genuine - fp
    rates = flagged(tp, fp, n_forged, n_genuine)
    precision = (tp / (tp + fp) + tn / (tn + fn)) / 2 if tp + fp and tn + fn else None
    low_tpr, high_fpr = clopper_pearson(tp, n_forged, 0.90)[0], clopper_pearson(fp, n_genuine, 0.90)[1]
    return {
        **{"tp": tp, "fp": fp, "tn": tn, "fn": fn},
        **{"tpr": rates["tpr"], "fpr": rates["fpr"], "accuracy": rates["accuracy"]},
        "macro_precision": precision,
        "macro_recall": (tp / n_forged + tn / n_genuine) / 2,
        "macro_f1": rates["macro_f1"],
        "tpr_lower_bound": low_tpr,
        "fpr_upper_bound": high_fpr,
        "base_rates": base_rates(rates["tpr"], rates["fpr"], (low_tpr, high_fpr)),
    }


def at_threshold(
    targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, threshold: float
) -> dict[str, Any]:
    """`counted` for the clips whose fake probability is at least `threshold`. Raises InputError as
    `rates.check`."""
    truth, scores = check(targets, fake_probabilities)
    called = scores >= threshold
    n_forged = int(truth.sum())
    tp = int(np.count_nonzero(called & (truth == 1)))
    return counted(tp, int(np.count_nonzero(called)) - tp, n_forged, len(truth) - n_forged)


def precision_at(tpr: float, fpr: float, base_rate: float) -> float | None:
    """The share of flagged clips that are forged if a share `base_rate` of all clips is: b TPR / (b TPR +
    (1 - b) FPR).

    None if nothing is flagged. Raises InputError for a rate outside [0, 1] or a base rate outside (0, 1).

    TPR 0.9, FPR 0.1 and one forged clip in ten give one half. The abstract of Layton et al. (SoK: The Good,
    The Bad, and The Unbalanced, USENIX Security 2024) says that 1 in 333 of the best detector's flags in a
    call centre would be true. It does not say from which rates. At a base rate of 0.01 %, the lowest in its
    tables, both error rates at that detector's published EER of 0.029 give one in 299.6. If every forged call
    is flagged, one in 333 takes an FPR of 3.32 % (3.3 % gives one in 331).
    """
    for name, rate in (("TPR", tpr), ("FPR", fpr)):
        if not 0 <= rate <= 1:
            raise InputError(f"{name} {rate}; wanted a rate from 0 to 1")
    if not 0 < base_rate < 1:
        raise InputError(
            f"base rate {base_rate}; wanted a share of forged clips above 0 and below 1, such as 0.001"
        )
    true, false = base_rate * tpr, (1 - base_rate) * fpr
    return true / (true + false) if true + false > 0 else None


def base_rates(
    tpr: float, fpr: float, bounds: tuple[float, float] | None = None, rates: Sequence[float] = BASE_RATES
) -> list[dict[str, float | None]]:
    """A row for each base rate: its precision, and `one_in`: one in so many flagged clips is forged.

    bounds: the lower bound of the TPR and the upper bound of the FPR. With them each row has the same two for
    the bounds, `pessimistic_precision` and `pessimistic_one_in`: an FPR of 0 among a few genuine clips does
    not promise a precision of 1.

    All are None if nothing is flagged; `one_in` also if no flag is true. Raises InputError as `precision_at`.
    """
    rows: list[dict[str, float | None]] = []
    for rate in rates:
        precision = precision_at(tpr, fpr, rate)
        row: dict[str, float | None] = {
            "base_rate": rate,
            "precision": precision,
            "one_in": _inverse(precision),
        }
        if bounds is not None:
            worst = precision_at(*bounds, rate) if precision is not None else None
            row |= {"pessimistic_precision": worst, "pessimistic_one_in": _inverse(worst)}
        rows.append(row)
    return rows


def check_rule(rule: str) -> float | None:
    """The rate of the rule "fpr=RATE", None for the other rules of `choose`. Raises InputError for what is
    not a rule."""
    if rule in ("eer", "youden", "f1"):
        return None
    try:
        limit = float(rule.removeprefix("fpr=")) if rule.startswith("fpr=") else math.nan
    except ValueError:
        limit = math.nan
    if not 0 < limit < 1:
        raise InputError(f"rule '{rule}' for choosing a threshold; wanted {CHOICES}")
    return limit


def choose(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, rule: str) -> float:
    """The threshold, one of the fake probabilities, that is best by a rule; of equally good ones the highest.
    Use it for other clips than these.

    rule: "fpr=RATE" takes the highest TPR whose FPR does not exceed RATE; "eer" the least |FPR - FNR|;
    "youden" the highest TPR - FPR; "f1" the highest F1 of the forged class.

    Raises InputError as `rates.check`, for another rule, and if "fpr=RATE" allows no threshold that flags a
    forged clip.
    """
    truth, scores = check(targets, fake_probabilities)
    limit = check_rule(rule)
    falling, tp, fp = curve(truth, scores)
    n_forged, n_genuine = int(tp[-1]), int(fp[-1])
    tpr, fpr = tp / n_forged, fp / n_genuine
    if limit is not None:
        worth = np.where(fpr <= limit, tpr, 0.0)
        if not worth.any():
            raise InputError(
                f"no threshold on the choosing scores finds a forged clip with an FPR of at most {limit:g}: "
                f"{n_genuine:,} genuine clips, and one or more score as high as the highest forged one; "
                "choose on more clips or by another rule"
            )
    elif rule == "eer":
        # Whole numbers, since rates that are equal could differ in their last bit.
        worth = -np.abs(fp * n_forged - (n_forged - tp) * n_genuine)
    elif rule == "youden":
        worth = tp * n_genuine - fp * n_forged
    else:
        worth = 2 * tp / (n_forged + tp + fp)
    return float(falling[int(np.argmax(worth))])


def curve(truth: Integers, scores: Floats) -> tuple[Floats, Integers, Integers]:
    """The distinct scores, falling, and how many forged and genuine clips score at least that: three (K,)."""
    rising, step_of_clip = np.unique(scores, return_inverse=True)
    tp = np.bincount(step_of_clip[truth == 1], minlength=len(rising))[::-1].cumsum()
    fp = np.bincount(step_of_clip[truth == 0], minlength=len(rising))[::-1].cumsum()
    return rising[::-1], tp, fp


def _inverse(precision: float | None) -> float | None:
    return 1 / precision if precision else None
