"""From the scores of an ablation to its tables: each run, and what each ingredient adds.

runs = run_table(scores, failed)
table = gain_table(scores, runs, {"flip": "augment.flip_p=0"}, resamples=1000)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from telltale.study.ablation import SEEN
from telltale.study.ablation_ingredients import FULL
from telltale.study.unseen import UNSEEN
from telltale.study.unseen_tables import KEY, difference, measured

SETS = (SEEN, UNSEEN)


def run_table(scores: pd.DataFrame, failed: Mapping[str, str]) -> pd.DataFrame:
    """A row for each run.

    seen_auc, seen_tpr, unseen_auc, unseen_tpr: AUC, and TPR at FPR 1e-3, of the clips with a score; NaN if
        they are of one class
    unscored: clips of both sets without a score
    status: "ok", or why the run failed

    scores: of `execute`, with `with_keys`; failed: of `failures`.
    """
    rows = []
    for key, run in scores.groupby(KEY, sort=False):
        row: dict[str, Any] = dict(zip(KEY, key, strict=True))
        for name in SETS:
            clips = run[run["set"] == name]
            row[f"{name}_auc"], row[f"{name}_tpr"] = measured(clips[clips["fake_probability"].notna()])
        row["unscored"] = int(run["fake_probability"].isna().sum())
        rows.append({**row, "status": failed.get(run["task"].iloc[0], "ok")})
    return pd.DataFrame(rows)


def gain_table(
    scores: pd.DataFrame, runs: pd.DataFrame, off: Mapping[str, str], resamples: int
) -> pd.DataFrame:
    """The whole configuration, then a row for each ingredient: the configuration without it.

    off: which keys take it out
    failed: its runs that failed
    seen_auc, seen_tpr, unseen_auc, unseen_tpr: means over folds and seeds; NaN if a run has none
    seen_gain, seen_low, seen_high, seen_p: what the ingredient adds to the mean AUC on seen clips: that of
        the whole configuration less that without it, paired, with its 95 % interval, as of `pair_table`
    unseen_gain, ...: the same on unseen clips

    off: name → text of each ingredient.
    """
    rows = []
    for name, own in runs.groupby("config", sort=False):
        assert isinstance(name, str)
        row: dict[str, Any] = {"ingredient": name, "off": off.get(name, ""), "runs": len(own)}
        row["failed"] = int((own["status"] != "ok").sum())
        row |= {f"{which}_{kind}": _mean(own, which, kind) for which in SETS for kind in ("auc", "tpr")}
        for which in SETS:
            found = difference(scores, (FULL, name), which, resamples) if name != FULL else {}
            keys = {"gain": "difference", "low": "low", "high": "high", "p": "p"}
            row |= {f"{which}_{key}": found.get(of, np.nan) for key, of in keys.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(runs: pd.DataFrame, which: str, kind: str) -> float:
    return float(runs[f"{which}_{kind}"].mean(skipna=False))
