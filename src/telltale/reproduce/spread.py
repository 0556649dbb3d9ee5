"""The spread of a validation AUC over seeds: how far a repeated training may end from the first one."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from telltale import config
from telltale.config.affects import Affects
from telltale.config.keys import affecting
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.reproduce.bundle import Spread

# The keys in which runs over several seeds may differ.
OF_A_SEED = affecting(Affects.SEED, Affects.SPEED, Affects.ROUNDING, Affects.TIMEOUT)


def spread_of(run: Path, others: Sequence[Path]) -> Spread | None:
    """The 95 % interval in which the validation AUC of one more run with another seed is expected.

    It is Student's prediction interval, mean ± t·s·sqrt(1 + 1/n) over the n runs.

    run, others: folders of runs. Without `others` the spread is None. Raises InputError for runs that differ
    in more than their seed, and for two of the same seed.
    """
    if not others:
        return None
    from scipy import stats

    runs = [checkpoint.load(folder / "best.pt") for folder in (run, *others)]
    seeds = [content["config"]["seed"] for content in runs]
    aucs = [content["metrics"]["auc"] for content in runs]
    first = _shared(runs[0]["config"])
    for folder, content in zip(others, runs[1:], strict=True):
        other = _shared(content["config"])
        keys = first.keys() | other.keys()
        if differing := sorted(key for key in keys if first.get(key) != other.get(key)):
            raise InputError(
                f"--spread {folder}: differs from {run} in {differing[0]}; wanted a run with another seed "
                "alone"
            )
        if content["data"] != runs[0]["data"]:
            raise InputError(f"--spread {folder}: was trained on other data than {run}; wanted the same")
    if len(set(seeds)) < len(seeds):
        raise InputError(
            f"--spread: seeds {', '.join(map(str, seeds))}; wanted each run with a seed of its own"
        )
    n, mean = len(aucs), statistics.mean(aucs)  # exact: equal AUCs have themselves as their mean
    reach = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(aucs) * (1 + 1 / n) ** 0.5
    return Spread(tuple(seeds), tuple(aucs), max(0.0, mean - reach), min(1.0, mean + reach))


def _shared(tree: dict[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that all runs of a spread have in common."""
    return {key: value for key, value in config.flatten(tree).items() if key not in OF_A_SEED}
