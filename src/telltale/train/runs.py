"""Training runs side by side: the settings in which they differ, how far each came and how good it was.

    table = compare(find([Path("runs")]))              # a pandas.DataFrame, a row for each run

It reads config.yaml, history.csv, reads.json and, if `telltale evaluate` wrote one below the run,
metrics.json. It imports neither torch nor, before there is a run to read, pandas.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from telltale.config import flatten
from telltale.errors import InputError
from telltale.files import read_mapping, read_text, write_text
from telltale.train import best_epoch

if TYPE_CHECKING:
    import pandas as pd

# Results that are better the higher they are.
BEST_FIRST = ("auc", "tpr@fpr=1e-3", "held_out_auc", "held_out_tpr@fpr=1e-3", "pseudo_auc", "unseen_auc")
# Columns of the table after the settings that differ, in this order; those of OPTIONAL only if a run has one.
RESULTS = (
    "auc",
    "tpr@fpr=1e-3",
    "held_out_auc",
    "held_out_tpr@fpr=1e-3",
    "pseudo_auc",
    "best_epoch",
    "status",
    "unseen_auc",
)
OPTIONAL = ("held_out_auc", "held_out_tpr@fpr=1e-3", "pseudo_auc", "unseen_auc")


def find(folders: Sequence[Path]) -> list[Path]:
    """Every run at or below the folders, sorted in each: a folder with the config.yaml and the reads.json or
    history.csv of a run.

    Raises InputError for what is not a folder, and if there is no run at all.
    """
    runs: dict[Path, None] = {}  # a dictionary keeps the order and drops what is given twice
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: is not a folder; wanted one that holds runs of train.py")
        for path in sorted(folder.rglob("config.yaml")):
            if any((path.parent / name).is_file() for name in ("reads.json", "history.csv")):
                runs[path.parent] = None
    if not runs:
        raise InputError(
            f"{', '.join(map(str, folders))}: no run of train.py; wanted folders with config.yaml and "
            "history.csv"
        )
    return list(runs)


def compare(runs: Sequence[Path]) -> "pd.DataFrame":
    """A row for each run: "run", the keys of config.yaml that are not the same in all of them, then
    RESULTS. Raises InputError for a file that train.py did not write."""
    import pandas as pd

    # Values of any type, as YAML gave them: pandas would turn whole numbers into floats if a run lacks one.
    settings = pd.DataFrame([_settings(run) for run in runs], dtype=object)
    comparable = settings.map(json.dumps).mask(settings.isna())
    differ = comparable.columns[comparable.nunique(dropna=False) > 1]
    results = pd.DataFrame([_results(run) for run in runs], columns=list(RESULTS))
    results["best_epoch"] = results["best_epoch"].astype("Int64")
    results = results.drop(columns=[name for name in OPTIONAL if results[name].isna().all()])
    names = pd.Series([str(run) for run in runs], name="run")
    return pd.concat([names, settings[differ], results], axis=1)


def ordered(table: "pd.DataFrame", key: str) -> "pd.DataFrame":
    """The rows sorted by a column: the best first by a result, rising by a setting. Raises InputError if
    there is no such column."""
    if key not in table:
        raise InputError(
            f"--sort {key}: the runs do not differ in it; wanted one of {', '.join(map(str, table.columns))}"
        )
    numbers = all(isinstance(value, int | float) for value in table[key].dropna())
    as_text = None if numbers else lambda column: column.map(str)  # values of several types have no order
    return table.sort_values(key, ascending=key not in BEST_FIRST, kind="stable", key=as_text)


def text(table: "pd.DataFrame") -> str:
    """The table as lines to print, "-" for what a run does not have."""
    return table.to_string(index=False, na_rep="-", float_format="{:.4g}".format)


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write the table, every number in full, empty fields for what a run does not have. Raises InputError if
    the file cannot be written."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _settings(run: Path) -> dict[str, Any]:
    """config.yaml as {"optim.rate": 0.001}."""
    path = run / "config.yaml"
    try:
        return flatten(yaml.safe_load(read_text(path, "a configuration that train.py wrote")))
    except (yaml.YAMLError, AttributeError) as error:
        raise InputError(
            f"{path}: is no configuration that train.py wrote ({' '.join(str(error).split())})"
        ) from None


def _results(run: Path) -> dict[str, Any]:
    """RESULTS of one run; None for what it does not have."""
    import pandas as pd

    path = run / "history.csv"
    try:
        history = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["epoch"])
        # As the training run selects it.
        best = best_epoch.best(history.to_dict("records"), _settings(run).get("optim.select", "validation"))
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{path}: is no history that train.py wrote ({' '.join(str(error).split())})"
        ) from None
    complete = (read_mapping(run / "reads.json") or {}).get("complete")
    row = history.iloc[best] if len(history) else {}
    return {
        "auc": row.get(best_epoch.AUC),
        "tpr@fpr=1e-3": row.get(best_epoch.TPR),
        "held_out_auc": row.get(best_epoch.UNSEEN_AUC),
        "held_out_tpr@fpr=1e-3": row.get(best_epoch.UNSEEN_TPR),
        "pseudo_auc": best_epoch.number(row.get(best_epoch.PSEUDO_AUC)),
        "best_epoch": row.get("epoch"),
        "status": "finished" if complete else f"interrupted at epoch {len(history) + 1}",
        "unseen_auc": unseen_auc(run),
    }


def unseen_auc(run: Path) -> float | None:
    """The mean AUC of the groups that training did not see, of the newest metrics.json below the run that has
    such groups."""
    paths = sorted(run.rglob("metrics.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths:
        groups = (read_mapping(path) or {}).get("groups", {})
        aucs = [group["value"] for group in groups.values() if group.get("seen") is False]
        if aucs:
            return statistics.fmean(aucs)
    return None
