"""Calibration: whether seven in ten of the clips with a fake probability of 70 % are forged."""

from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.metrics.decisions import clopper_pearson
from telltale.metrics.rates import Floats, Integers, check

BINS = 15


def bin_of(fake_probabilities: Floats) -> Integers:
    """(N,) int64: the bin of each probability, of `BINS` of equal width; 1 belongs to the last."""
    return np.minimum((fake_probabilities * BINS).astype(np.int64), BINS - 1)


def calibration(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike) -> dict[str, Any]:
    """{"error", "maximum", "bins"} over `BINS` bins of equal width.

    error: the mean over bins, weighted by their clips, of |mean fake probability - share of forged clips|.
        It is the expected calibration error of Guo et al., ICML 2017, for the probability of one class.
    maximum: the largest such difference of a bin that has clips.
    bins: a dictionary for each bin, empty ones too: its edges, n, mean_probability and share_forged (None if
        n is 0), and the share's two-sided 95 % Clopper-Pearson bounds.

    Raises InputError as `rates.check`.
    """
    truth, scores = check(targets, fake_probabilities)
    bin_of_clip = bin_of(scores)
    n = np.bincount(bin_of_clip, minlength=BINS)
    forged = np.bincount(bin_of_clip[truth == 1], minlength=BINS)
    total = np.bincount(bin_of_clip, weights=scores, minlength=BINS)
    bins: list[dict[str, Any]] = []
    for index in range(BINS):
        count, hits = int(n[index]), int(forged[index])
        share_low, share_high = clopper_pearson(hits, count, 0.95) if count else (None, None)
        bins.append(
            {
                "from": index / BINS,
                "to": (index + 1) / BINS,
                "n": count,
                "mean_probability": float(total[index] / count) if count else None,
                "share_forged": hits / count if count else None,
                "share_low": share_low,
                "share_high": share_high,
            }
        )
    filled = n > 0
    gaps = np.abs(total[filled] - forged[filled])
    return {"error": float(gaps.sum() / len(truth)), "maximum": float((gaps / n[filled]).max()), "bins": bins}
