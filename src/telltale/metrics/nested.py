"""Intervals of a mean AUC over groups and training runs, by a nested bootstrap.

    drawn = resampled_aucs(targets, fake_probabilities, resamples=1000, seed=0)       # (R,) of one run
    means = nested_means(np.array([[drawn, ...], ...]), seed=0)                       # (R,) of all runs

A mean over a few held-out groups varies because other groups could have been held out, because a training run
depends on its seed, and because other clips could have been scored. Each resample draws groups, then runs of
each group, then clips, all with replacement (Davison and Hinkley, "Bootstrap Methods and their Application",
1997, section 3.8).
"""

import numpy as np
import numpy.typing as npt

from telltale.metrics import from_counts
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.rates import Floats
from telltale.metrics.resampling import check_resamples
from telltale.metrics.score_steps import ScoreSteps


def resampled_aucs(
    targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, *, resamples: int, seed: int
) -> Floats:
    """(R,) the AUCs of R resamples of N clips; genuine and forged clips are drawn apart.

    targets: (N,) int, 0 genuine or 1 forged. fake_probabilities: (N,) float in [0, 1].

    Runs that scored the same clips in the same order are measured on the same draws if `seed` is the same.
    Raises InputError as `rates.check`, and for no resamples.
    """
    check_resamples(resamples)
    steps = ScoreSteps(LabelledScores(np.asarray(targets), np.asarray(fake_probabilities)))
    memory = steps.memory()
    draws = (steps.resample(np.random.default_rng([seed, number]), memory) for number in range(resamples))
    return np.array([from_counts.auc(drawn) for drawn in draws])


def nested_means(aucs: Floats, seed: int) -> Floats:
    """(R,) resampled means of a metric over G groups and S runs of each.

    aucs: (G, S, R) the metric in R resamples of the clips that a run scored. Two models have paired draws if
    their runs of a group scored the same clips and `seed` is the same.
    """
    groups, runs, resamples = aucs.shape
    rng = np.random.default_rng([seed, groups, runs])
    group = rng.integers(groups, size=(resamples, groups, 1))
    run = rng.integers(runs, size=(resamples, groups, runs))
    # A group that is drawn twice gets two resamples of its clips; its runs scored the same clips.
    clips = rng.integers(resamples, size=(resamples, groups, 1))
    return aucs[group, run, clips].mean(axis=(1, 2))
