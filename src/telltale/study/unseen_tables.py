"""From the scores of a study of unseen kinds to its tables: each run, each configuration, each pair of them.

runs = run_table(scores)                                # a row for each configuration, fold and seed
summary, pairs = summary_table(scores, runs, 1000), pair_table(scores, 1000)
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from telltale.metrics.nested import nested_means, resampled_aucs
from telltale.metrics.rates import Floats
from telltale.metrics.resampling import with_interval
from telltale.metrics.values import selection
from telltale.study.unseen import UNSEEN, VALIDATION

KEY = ["config", "fold", "seed"]
SEED = 0  # of the resampling


def with_keys(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with the columns config, fold and seed, which the tasks' names hold."""
    names = scores["task"].str.split("/", expand=True)
    keys = {"config": names[0], "fold": names[1], "seed": names[2].str.removeprefix("seed").astype(int)}
    return scores.assign(**keys)


def run_table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row for each run: AUC and TPR at FPR 1e-3 on what was held out and on plain validation.

    scores: of `execute`, with `with_keys`. A metric is NaN if the clips with a score are of one class.
    """
    rows = []
    for key, run in scores.groupby(KEY, sort=False):
        row: dict[str, Any] = dict(zip(KEY, key, strict=True))
        for name in (UNSEEN, VALIDATION):
            clips = run[run["set"] == name]
            scored = clips[clips["fake_probability"].notna()]
            row[f"{name}_auc"], row[f"{name}_tpr"] = measured(scored)
            if name == UNSEEN:
                forged = int(scored["target"].sum())
                row |= {
                    "forged": forged,
                    "genuine": len(scored) - forged,
                    "unscored": len(clips) - len(scored),
                }
        rows.append(row)
    return pd.DataFrame(rows)


def measured(scored: pd.DataFrame) -> tuple[float, float]:
    """AUC and TPR at FPR 1e-3 of clips with a score; NaN if they are of one class."""
    if scored["target"].nunique() < 2:
        return float("nan"), float("nan")
    return selection(scored["target"].to_numpy(), scored["fake_probability"].to_numpy())


def summary_table(scores: pd.DataFrame, runs: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """A row for each configuration.

    unseen_auc, low, high: mean over folds and seeds, with its 95 % interval by a nested bootstrap
    worst_auc, worst_fold: the lowest mean over seeds of a fold
    sd_seeds: deviation over seeds of the mean over folds
    sd_folds: deviation over folds of the mean over seeds
    unseen_tpr, validation_auc, validation_tpr: means over folds and seeds
    unscored: held-out clips without a score, over all runs

    A mean over runs of which one has no AUC is NaN, not the mean of the others.
    """
    rows = []
    for name, own in runs.groupby("config", sort=False):
        by_fold, by_seed = (
            own.groupby(key, sort=False)["unseen_auc"].mean(skipna=False) for key in ("fold", "seed")
        )
        mean = float(by_fold.mean(skipna=False))
        aucs = resampled(scores[scores["config"] == name], UNSEEN, resamples)
        interval = with_interval(mean, nested_means(aucs, SEED))
        rows.append(
            {
                "config": name,
                "folds": len(by_fold),
                "seeds": len(by_seed),
                "unseen_auc": mean,
                "low": interval["low"],
                "high": interval["high"],
                "worst_auc": by_fold.min(skipna=False),
                "worst_fold": by_fold.idxmin() if by_fold.notna().all() else "",
                "sd_seeds": by_seed.std(skipna=False),
                "sd_folds": by_fold.std(skipna=False),
                **{name: own[name].mean() for name in ("unseen_tpr", "validation_auc", "validation_tpr")},
                "unscored": int(own["unscored"].sum()),
            }
        )
    return pd.DataFrame(rows)


def pair_table(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """A row for each pair of configurations: the difference of their mean AUCs on the same folds.

    Draws of folds and clips are paired, and only clips that both scored count. p is two-sided: twice the
    share of resampled differences on the other side of 0, at least 1 / (resamples + 1). All are NaN if a run
    has no AUC.
    """
    rows = [
        {"first": first, "second": second, **difference(scores, (first, second), UNSEEN, resamples)}
        for first, second in combinations(scores["config"].unique(), 2)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p"])


def difference(scores: pd.DataFrame, pair: tuple[str, str], which: str, resamples: int) -> dict[str, float]:
    """The first configuration's mean AUC on one set of clips less the second's: difference, low, high, p, as
    of `pair_table`.

    scores: with `with_keys`. which: the set.
    """
    of_both = scores[scores["config"].isin(pair) & (scores["set"] == which)]
    unscored = of_both.loc[of_both["fake_probability"].isna(), ["fold", "video_name"]]
    gone = set(unscored.itertuples(index=False, name=None))
    keys = zip(of_both["fold"], of_both["video_name"], strict=True)
    # A clip without a score keeps its row: a run without any is a run without an AUC, not no run.
    common = of_both.assign(fake_probability=of_both["fake_probability"].mask([key in gone for key in keys]))
    parts = [common[common["config"] == name] for name in pair]
    means = [_mean_auc(part) for part in parts]
    one, other = (nested_means(resampled(part, which, resamples), SEED) for part in parts)
    interval = with_interval(means[0] - means[1], one - other)
    tail = min((one - other <= 0).mean(), (one - other >= 0).mean())
    # No comparison with NaN is true: without this line, p would be the least that there is.
    p = min(1.0, max(2 * tail, 1 / (resamples + 1))) if np.isfinite(one - other).all() else np.nan
    return {"difference": interval.pop("value"), **interval, "p": p}


def _mean_auc(scores: pd.DataFrame) -> float:
    """Of all runs of one configuration on one set."""
    runs = scores.groupby(["fold", "seed"], sort=False)
    aucs = [measured(run[run["fake_probability"].notna()])[0] for _, run in runs]
    return float(np.mean(aucs))


def resampled(scores: pd.DataFrame, which: str, resamples: int) -> Floats:
    """(folds, seeds, R) resampled AUCs of one configuration's clips of the set `which`. NaN for a run whose
    clips with a score are of one class."""
    own = scores[(scores["set"] == which) & scores["fake_probability"].notna()]
    folds: Sequence[str] = list(dict.fromkeys(scores["fold"]))
    seeds = sorted(scores["seed"].unique())
    aucs = np.full((len(folds), len(seeds), resamples), np.nan)
    for (fold, seed), run in own.groupby(["fold", "seed"], sort=False):
        if run["target"].nunique() == 2:
            number = folds.index(fold)
            targets, values = run["target"].to_numpy(), run["fake_probability"].to_numpy()
            # One seed a fold: runs of all configurations and seeds are measured on the same draws of it.
            drawn = resampled_aucs(targets, values, resamples=resamples, seed=number)
            aucs[number, seeds.index(seed)] = drawn
    return aucs
