"""Training runs beside each other: what each was set to where they differ, how far it came and how good it
was.

    table = compare(find([Path("runs")]))              # a pandas.DataFrame, a row for each run

Free of torch: it reads config.yaml, history.csv, reads.json and, if `telltale evaluate` wrote one below the
run, metrics.json.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from telltale.errors import InputError
from telltale.files import read_mapping

if TYPE_CHECKING:
    import pandas as pd

AUC, TPR = "validation_auc", "validation_tpr_at_fpr_1e-3"
# Columns of the table beside the keys that differ, in their order; unseen_auc only if a run has one.
RESULTS = ("auc", "tpr@fpr=1e-3", "best_epoch", "status", "unseen_auc")


def find(folders: Sequence[Path]) -> list[Path]:
    """Every run at or below the folders, sorted: a folder with the config.yaml and reads.json or history.csv
    of a run.

    Raises InputError for what is no folder, and where there is no run at all.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: is not a folder; wanted one that holds runs of train.py")
        for path in sorted(folder.rglob("config.yaml")):
            if any((path.parent / name).is_file() for name in ("reads.json", "history.csv")):
                found[path.parent] = None
    if not found:
        raise InputError(
            f"{', '.join(map(str, folders))}: no run of train.py; wanted folders with config.yaml and "
            "history.csv"
        )
    return list(found)


def compare(runs: Sequence[Path]) -> "pd.DataFrame":
    """A row for each run: "run", the keys of config.yaml that are not the same in all of them, then
    RESULTS."""
    import pandas as pd

    settings = pd.DataFrame([_settings(run) for run in runs], dtype=object)
    same = [
        column for column in settings if len({json.dumps(value) for value in _values(settings[column])}) == 1
    ]
    results = pd.DataFrame([_results(run) for run in runs], columns=list(RESULTS))
    results["best_epoch"] = results["best_epoch"].astype("Int64")
    if results["unseen_auc"].isna().all():
        results = results.drop(columns="unseen_auc")
    names = pd.Series([str(run) for run in runs], name="run")
    return pd.concat([names, settings.drop(columns=same), results], axis=1)


def ordered(table: "pd.DataFrame", key: str) -> "pd.DataFrame":
    """The rows by one column, the best first for results, rising for settings. Raises InputError for a column
    that is none."""
    if key not in table:
        raise InputError(
            f"--sort {key}: the runs do not differ in it; wanted one of {', '.join(map(str, table.columns))}"
        )
    falls = key in ("auc", "tpr@fpr=1e-3", "unseen_auc")
    numbers = all(isinstance(value, int | float) for value in table[key].dropna())
    return table.sort_values(
        key, ascending=not falls, kind="stable", key=None if numbers else lambda each: each.map(str)
    )


def _values(column: Any) -> list[Any]:
    """Of settings: what YAML gave, None for what a run of an older version has not."""
    return [None if isinstance(value, float) and value != value else value for value in column]


def _settings(run: Path) -> dict[str, Any]:
    """config.yaml as {"optim.rate": 0.001}."""
    path = run / "config.yaml"
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            **{key: value for key, value in tree.items() if not isinstance(value, dict)},
            **{
                f"{part}.{key}": value
                for part, inner in tree.items()
                if isinstance(inner, dict)
                for key, value in inner.items()
            },
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise InputError(
            f"{path}: is no configuration that train.py wrote ({' '.join(str(error).split())})"
        ) from None


def _results(run: Path) -> dict[str, Any]:
    """RESULTS of one run; None for what it has not."""
    import pandas as pd

    path = run / "history.csv"
    try:
        history = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["epoch", AUC, TPR])
        # As the loop judges: by AUC, then by TPR, the first of equals.
        best = history.sort_values([AUC, TPR], ascending=False, kind="stable").head(1)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{path}: is no history that train.py wrote ({' '.join(str(error).split())})"
        ) from None
    done = (read_mapping(run / "reads.json") or {}).get("complete")
    status = "finished" if done else f"interrupted at epoch {len(history) + 1}"
    first = best.iloc[0] if len(best) else {}
    return dict(
        zip(
            RESULTS,
            (first.get(AUC), first.get(TPR), first.get("epoch"), status, unseen_auc(run)),
            strict=True,
        )
    )


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
