"""DeLong's standard error of an AUC, and the comparison of two models' AUCs on the same clips.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988: an AUC is a mean over forged clips of the share of genuine
clips that each one beats, and a mean over genuine clips of the share of forged clips that beat each one; its
variance is that of the first over the number of forged clips plus that of the second over the number of
genuine ones. Computed from midranks in O(N log N), after Sun and Xu, IEEE Signal Processing Letters 2014.
"""

import math

import numpy.typing as npt

from telltale.errors import InputError
from telltale.metrics.rates import Floats, check

Z = 1.959963984540054  # the normal distribution's 97.5 percentile


def placements(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """For each forged clip the share of genuine clips that it scores above, (M,). For each genuine clip the
    share of forged clips that score above it, (N,). A tie counts one half.

    Both are in the clips' order, and the mean of either is the AUC. Raises InputError as `rates.check`.
    """
    from scipy.stats import rankdata

    truth, scores = check(targets, fake_probabilities)
    forged, genuine = scores[truth == 1], scores[truth == 0]
    ranks = rankdata(scores)  # midranks: clips of equal score share the mean of their ranks
    over_genuine = (ranks[truth == 1] - rankdata(forged)) / len(genuine)
    under_forged = 1 - (ranks[truth == 0] - rankdata(genuine)) / len(forged)
    return over_genuine, under_forged


def interval(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> dict[str, float | None]:
    """{"value", "low", "high", "standard_error"}: the AUC and its 95 % interval.

    The interval is logit(AUC) +- 1.96 SE / (AUC (1 - AUC)) on the logit scale, so that it stays within
    (0, 1). `low` and `high` are None for an AUC of 0 or 1: its standard error is 0 and says nothing. Raises
    InputError as `rates.check`, and with fewer than two clips of a class.
    """
    beats, beaten = placements(targets, fake_probabilities)
    auc, error = float(beats.mean()), math.sqrt(_covariance(beats, beats) + _covariance(beaten, beaten))
    low: float | None = None
    high: float | None = None
    if 0 < auc < 1:
        middle, reach = math.log(auc / (1 - auc)), Z * error / (auc * (1 - auc))
        low, high = (
            1 / (1 + math.exp(-min(max(end, -700.0), 700.0))) for end in (middle - reach, middle + reach)
        )
    return {"value": auc, "low": low, "high": high, "standard_error": error}


def compare(targets: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike) -> dict[str, float | None]:
    """The second model's AUC less the first's on the same clips: {"difference", "standard_error", "z", "p",
    "low", "high"}.

    `p` is two-sided. The interval, difference +- 1.96 standard errors, is at 95 %. If the standard error is 0
    (both models put the clips in the same order, or both are perfect), z, p and the interval are None. Raises
    InputError as `interval`.
    """
    beats_a, beaten_a = placements(targets, first)
    beats_b, beaten_b = placements(targets, second)
    difference = float(beats_b.mean() - beats_a.mean())
    # The variance of the paired differences is var(a) + var(b) - 2 cov(a, b), and never negative by rounding.
    beats, beaten = beats_b - beats_a, beaten_b - beaten_a
    error = math.sqrt(_covariance(beats, beats) + _covariance(beaten, beaten))
    if error < 1e-12:
        return {
            "difference": difference,
            "standard_error": 0.0,
            "z": None,
            "p": None,
            "low": None,
            "high": None,
        }
    z = difference / error
    return {
        "difference": difference,
        "standard_error": error,
        "z": z,
        "p": math.erfc(abs(z) / math.sqrt(2)),
        "low": difference - Z * error,
        "high": difference + Z * error,
    }


def _covariance(one: Floats, other: Floats) -> float:
    """Of two means over the same clips: the sample covariance over their number."""
    if len(one) < 2:
        raise InputError(
            "1 clip of a class; DeLong's standard error wants two or more genuine and two or more forged "
            "clips"
        )
    return float(((one - one.mean()) * (other - other.mean())).sum() / (len(one) - 1) / len(one))
