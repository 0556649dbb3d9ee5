"""Tables of generalisation: how much accuracy a detector loses on sets that it was not trained on.

Columns and measures are those of a published comparison of 30 detectors: the degradation is the original
accuracy less the average over unseen sets, in percentage points, and a control's degradation difference is
the degradation on unseen sets less that on the control. All accuracies are in percent.
"""

import pandas as pd

TRAINED = "trained"  # the roles of a set
UNSEEN, SAME_METHOD, SAME_IDENTITY = "unseen", "same_method", "same_identity"
KEY = ["config", "trained_on", "tuning", "examples"]


def wide(results: pd.DataFrame, role: str, value: str = "accuracy") -> pd.DataFrame:
    """Detectors by sets of one role: the mean over seeds. results: columns `KEY`, "seed", "set", "role" and
    `value`."""
    rows = results[results["role"] == role]
    order = [name for name in dict.fromkeys(results["set"]) if name in set(rows["set"])]
    return rows.pivot_table(index=KEY, columns="set", values=value, aggfunc="mean").reindex(columns=order)


def degradation(results: pd.DataFrame) -> pd.DataFrame:
    """One row a detector, the least degradation first: Rank, Detector, Original, the unseen sets, Average and
    Degradation; with several seeds also SD, the degradation's standard deviation over them."""
    table = _with_average(results)
    by_seed = pd.concat(
        {seed: _with_average(part)["Degradation"] for seed, part in results.groupby("seed")}, axis=1
    )
    if by_seed.shape[1] > 1:
        table["SD"] = by_seed.std(axis=1, ddof=1)
    table = table.dropna(subset="Degradation").sort_values("Degradation", kind="stable")
    return _ranked(table)


def control(results: pd.DataFrame, role: str) -> pd.DataFrame:
    """The table of a control, the largest difference first: as `degradation`, then the control's sets, their
    average ("Control"), the degradation on them and the Difference."""
    table = _with_average(results)
    special = wide(results, role)
    table = table.join(special, how="inner")
    table["Control"] = special.mean(axis=1)
    table["Control degradation"] = table["Original"] - table["Control"]
    table["Difference"] = table["Degradation"] - table["Control degradation"]
    table = table.dropna(subset="Difference").sort_values("Difference", ascending=False, kind="stable")
    return _ranked(table)


def seeds(results: pd.DataFrame) -> pd.DataFrame:
    """AUC of each detector on each set for each seed, their mean and standard deviation."""
    index = [*KEY, "set"]
    order = pd.MultiIndex.from_frame(results[index].drop_duplicates())
    table = results.pivot_table(index=index, columns="seed", values="auc").reindex(order)
    numbers = list(table.columns)
    table.columns = [f"Seed {number}" for number in numbers]
    mean, deviation = table.mean(axis=1), table.std(axis=1, ddof=1)
    table = table.assign(Mean=mean, SD=deviation)
    return _named(table, ["Detector", "Set"])


def aucs(results: pd.DataFrame) -> pd.DataFrame:
    """AUC of each detector on every set, the mean over seeds."""
    order = list(dict.fromkeys(results["set"]))
    index = pd.MultiIndex.from_frame(results[KEY].drop_duplicates())
    table = results.pivot_table(index=KEY, columns="set", values="auc").reindex(index)[order]
    return _named(table, ["Detector"])


def detector_name(config: str, trained_on: str, tuning: str, examples: int) -> str:
    """Such as "meso4 [swap]" or "meso4 [swap] transfer 32"."""
    return f"{config} [{trained_on}]" + (f" {tuning} {examples}" if examples else "")


def _with_average(results: pd.DataFrame) -> pd.DataFrame:
    unseen = wide(results, UNSEEN)
    table = unseen.assign(Average=unseen.mean(axis=1))
    table.insert(0, "Original", wide(results, TRAINED).mean(axis=1))
    table["Degradation"] = table["Original"] - table["Average"]
    return table


def _named(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    detectors = [detector_name(*key[: len(KEY)]) for key in table.index]
    table = table.copy()
    further = [key[len(KEY) :] for key in table.index]
    for number in range(len(names) - 1, 0, -1):
        table.insert(0, names[number], [rest[number - 1] for rest in further])
    table.insert(0, names[0], detectors)
    return table.reset_index(drop=True).rename_axis(columns=None)


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    table = _named(table, ["Detector"])
    table.insert(0, "Rank", range(1, len(table) + 1))
    return table
