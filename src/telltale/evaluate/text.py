"""An evaluation as text: metrics with intervals, decisions, precision at base rates, groups and
comparisons."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from telltale.metrics import decisions, table

WIDTH = 18  # of the first column


def text(tree: dict[str, Any]) -> str:
    """The tree of metrics.json, of one model or of several, as lines to print."""
    models = tree.get("models")
    first = models[0] if models else tree
    counts = f"{tree['n_genuine']:,} genuine and {tree['n_forged']:,} forged clips"
    lines = [f"{counts}; 95 % intervals from {first['bootstrap']['resamples']:,} resamples"]
    if first["intervals"] == "delong":
        lines[0] += "; the AUC's is DeLong's, on the logit scale"
    if tree["n_left_out"]:
        lines.append(f"left out for want of a score: {tree['n_left_out']:,}")
    if models:
        lines += ["", *_side_by_side(tree), "", *_differences(tree["comparisons"])]
    for each in models or [tree]:
        if models:
            lines += ["", "", f"{each['name']}"]
        lines += ["", *_metrics(each), "", *_decision(each), *_sok(each), *_groups(each)]
    return "\n".join([*lines, "", *_definitions(tree["definitions"])])


def base_rates(tpr: float, fpr: float, rates: Sequence[float] | None = None) -> str:
    """What a TPR and an FPR are worth at base rates, `decisions.BASE_RATES` unless others are given. Raises
    InputError for what is no rate."""
    rows = decisions.base_rates(tpr, fpr, rates=rates or decisions.BASE_RATES)
    return "\n".join([f"TPR {tpr:g}, FPR {fpr:g}", "", *precisions(rows)])


def precisions(rows: Sequence[dict[str, Any]]) -> list[str]:
    """`metrics.decisions.base_rates` as a table; with the pessimistic columns if the rows have them."""
    columns = {"precision": "precision", "one_in": "true: 1 in"}
    if "pessimistic_precision" in rows[0]:
        columns |= {"pessimistic_precision": "pessimistic", "pessimistic_one_in": "true: 1 in"}
    cells = [[_precision_cell(row, column) for column in columns] for row in rows]
    rates = pd.Index([f"{row['base_rate'] * 100:g} %" for row in rows])
    cells_of_rate = pd.DataFrame(cells, rates, list(columns.values())).rename_axis(columns="base rate")
    return _lines(cells_of_rate, col_space=11)


def _precision_cell(row: dict[str, Any], column: str) -> str:
    value = row[column]
    if row["precision"] is None:
        return "nothing flagged" if column == "precision" else ""
    if column.endswith("precision"):
        return f"{value * 100:#.4g} %"
    return "no flag true" if value is None else f"{value:,.1f}"


def headline(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Printed name → entry, for each value of a tree with an interval, or with a mean and a deviation. The
    decision is left out: it has a section of its own."""
    entries: dict[str, dict[str, Any]] = {}
    for metric in table.METRICS:
        entry = tree[metric.key]
        if _is_entry(entry):
            entries[metric.name] = entry
        elif metric.key != "decision":
            parts = {part: each for part, each in entry.items() if _is_entry(each)}
            entries |= {f"{metric.name} {part}": each for part, each in parts.items()}
    return entries


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and ("value" in entry or "mean" in entry)


def _metrics(tree: dict[str, Any]) -> Iterator[str]:
    yield f"{'':{WIDTH}}  value   95 % interval"
    for name, entry in headline(tree).items():
        line = f"{name:{WIDTH}} {_interval(entry)}"
        if not entry.get("resolved", True):
            needed = round(1 / float(name.split()[-1]))
            line += f"   not resolved: {tree['n_genuine']:,} genuine clips, it takes {needed:,}"
        yield line
    yield f"{'largest of a bin':{WIDTH}} {tree['calibration']['maximum']:.4f}"


def _decision(tree: dict[str, Any]) -> Iterator[str]:
    decision = tree["decision"]
    chosen = decision["chosen"]
    origins = {
        "stated": "as stated",
        "default": "by default: none was stated, and none chosen on other clips",
    }
    origin = origins.get(chosen["how"])
    if origin is None:
        counts = f"{chosen['n_genuine']:,} genuine and {chosen['n_forged']:,} forged clips"
        origin = f"chosen by {chosen['how']} on {counts} of {chosen['scores']}"
    yield f"flagged as forged from a fake probability of {decision['threshold']:.6g} on, {origin}"
    yield _counts(decision)
    for name, key in (("TPR", "tpr"), ("FPR", "fpr"), ("accuracy", "accuracy"), ("macro F1", "macro_f1")):
        yield f"{name:{WIDTH}} {_interval(decision[key])}"
    precision = decision["macro_precision"]
    shown = "none: one class is never called" if precision is None else f"{precision:.4f}"
    yield f"{'macro precision':{WIDTH}} {shown}"
    yield f"{'macro recall':{WIDTH}} {decision['macro_recall']:.4f}"
    yield ""
    yield from precisions(decision["base_rates"])
    yield "pessimistic: with the TPR's and the FPR's 95 % bounds"


def _counts(decision: dict[str, Any]) -> str:
    return ", ".join(f"{key.upper()} {decision[key]:,}" for key in ("tp", "fp", "tn", "fn"))


def _sok(tree: dict[str, Any]) -> Iterator[str]:
    if "sok" not in tree:
        return
    sok = tree["sok"]
    column, targets, decision = sok["forged_column"], sok["targets"], sok["decision"]
    other_auc = sok["auc_if_forged_column"][str(1 - column)]
    yield ""
    yield f"p{column} taken as the probability of forged; as p{1 - column} the AUC would be {other_auc:.4f}"
    yield f"by its own decisions (pred): {_counts(decision)}"
    yield f"TPR {decision['tpr']:.4f}, FPR {decision['fpr']:.4f}, accuracy {decision['accuracy']:.4f}"
    if targets["n"]:
        yield (
            f"its targets ({targets['n']:,} given, {targets['n_withheld']:,} withheld) agree with the "
            f"protocol in {targets['agree_if_1_is_forged'] * 100:.2f} % if 1 means forged, "
            f"{targets['agree_if_1_is_genuine'] * 100:.2f} % if 1 means genuine"
        )
    else:
        yield f"its targets are all withheld ({targets['n_withheld']:,}): the protocol's were used"
    yield f"lines whose pred is not the larger probability: {sok['pred_not_larger']:,}"
    if sok["largest_sum_error"] > 1e-3:
        yield f"p0 + p1 is off 1 by up to {sok['largest_sum_error']:.3g}"
    yield from precisions(decision["base_rates"])


def _groups(tree: dict[str, Any]) -> Iterator[str]:
    notes = {True: "seen in training", False: "not seen in training", None: ""}
    for column, groups in tree.get("groupings", {}).items():
        best_first = sorted(
            groups.items(), key=lambda item: (not item[1]["n_forged"], -(item[1]["value"] or 0))
        )
        cells = {
            group: {
                "AUC, 95 % interval": _interval(entry) if entry["n_forged"] else "-",
                "forged": f"{entry['n_forged']:,}",
                "TPR": "-" if entry["tpr"] is None else f"{entry['tpr']:.4f}",
                "genuine": f"{entry['n_genuine']:,}",
                "FPR": "-" if entry["fpr"] is None else f"{entry['fpr']:.4f}",
                "": notes[entry["seen"]] if entry["n_forged"] else "",
            }
            for group, entry in best_first
        }
        yield ""
        genuine = f"{tree['n_genuine']:,} genuine clips"
        yield f"AUC of each group of forged clips against all {genuine}, by {column}"
        yield from _lines(pd.DataFrame(cells.values(), index=list(cells)))


def _side_by_side(tree: dict[str, Any]) -> list[str]:
    """A row for each metric, a column for each model, then mean and standard deviation."""
    values = [[entry["value"] for entry in headline(model).values()] for model in tree["models"]]
    spread = headline(tree["spread"])
    values += [[entry[column] for entry in spread.values()] for column in ("mean", "sd")]
    columns = [*(model["name"] for model in tree["models"]), "mean", "sd"]
    rows = list(zip(*values, strict=True))
    return _lines(pd.DataFrame(rows, index=list(spread), columns=columns))


def _differences(comparisons: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield (
        "differences on the same clips (DeLong's test for the AUC, and a bootstrap that resamples both alike)"
    )
    for each in comparisons:
        auc = each["auc"]
        tested = f"{auc['difference']:+.4f}"
        if auc["p"] is None:
            tested += "  no standard error: both put the clips in the same order"
        else:
            tested += f"  [{auc['low']:+.4f}, {auc['high']:+.4f}]  z {auc['z']:.2f}, p {auc['p']:.3g}"
        yield f"{each['second']} less {each['first']}"
        yield f"  {'AUC, DeLong':{WIDTH}} {tested}"
        for name, entry in _bootstrapped(each["bootstrap"]):
            yield f"  {name:{WIDTH}} {entry['value']:+.4f}  [{entry['low']:+.4f}, {entry['high']:+.4f}]"


def _bootstrapped(differences: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Printed name and entry of each difference that the bootstrap gives an interval."""
    for metric in table.METRICS:
        if metric.key == "auc":
            yield "AUC, bootstrap", differences["auc"]
        elif metric.key in differences:
            entry = differences[metric.key]
            parts = {"": entry} if _is_entry(entry) else entry
            yield from ((f"{metric.name} {part}".rstrip(), each) for part, each in parts.items())


def _definitions(definitions: dict[str, str]) -> Iterator[str]:
    for metric in table.METRICS:
        definition = definitions[metric.key]
        yield definition if definition.startswith(metric.name) else f"{metric.name}: {definition}"
    yield f"base rates: {definitions['base_rates']}"


def _interval(entry: dict[str, Any]) -> str:
    if entry["low"] is None:
        return f"{entry['value']:.4f}  [no interval]   "
    return f"{entry['value']:.4f}  [{entry['low']:.4f}, {entry['high']:.4f}]"


def _lines(table: pd.DataFrame, col_space: int | None = None) -> list[str]:
    """A table as lines, its index on the left, columns at least `col_space` characters wide."""
    printed = table.to_string(float_format="{:.4f}".format, col_space=col_space)
    return [line.rstrip() for line in printed.splitlines()]
