"""What an evaluation found, as text: its metrics with intervals, decisions, precision at base rates, groups
and comparisons."""

from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 18  # of the first column


def text(found: dict[str, Any]) -> str:
    """The tree that `telltale.evaluate.evaluation` makes, of one model or of several, as lines to print."""
    models = found.get("models")
    first = models[0] if models else found
    n_genuine, resamples = found["n_genuine"], first["bootstrap"]["resamples"]
    lines = [
        f"{n_genuine:,} genuine and {found['n_forged']:,} forged clips; 95 % intervals from {resamples:,} "
        "resamples"
    ]
    if first["intervals"] == "delong":
        lines[0] += "; the AUC's is DeLong's, on the logit scale"
    if found["n_left_out"]:
        lines.append(f"left out for want of a score: {found['n_left_out']:,}")
    if models:
        lines += ["", *_side_by_side(found), "", *_compared(found["comparisons"])]
    for tree in models or [found]:
        if models:
            lines += ["", "", f"{tree['name']}"]
        lines += ["", *_metrics(tree), "", *_decided(tree), *_sok(tree), *_groups(tree)]
    return "\n".join([*lines, "", *_explained(found["definitions"])])


def precisions(rows: Sequence[dict[str, Any]]) -> list[str]:
    """`metrics.decisions.base_rates` as a table; the pessimistic columns where the rows have them."""
    pessimistic = "pessimistic_precision" in rows[0]
    lines = [f"{'base rate':>10}  {'precision':>10}  {'true: 1 in':>12}"]
    if pessimistic:
        lines[0] += "  pessimistic, by the rates' 95 % bounds"
    for row in rows:
        line = f"{row['base_rate'] * 100:>8g} %  {_precision(row['precision'], row['one_in'])}"
        if pessimistic and row["precision"] is not None:
            line += f"  {_precision(row['pessimistic_precision'], row['pessimistic_one_in'])}"
        lines.append(line)
    return lines


def _precision(precision: float | None, one_in: float | None) -> str:
    if precision is None:
        return "nothing flagged"
    return f"{precision * 100:>#8.4g} %  {'no flag true' if one_in is None else format(one_in, '12,.1f')}"


def headline(tree: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The metrics of a tree that have a value and an interval, or a mean and a deviation, with the name to
    print."""
    yield "AUC", tree["auc"]
    for name, key in (
        ("pAUC, FPR to", "partial_auc"),
        ("TPR at FPR", "tpr_at_fpr"),
        ("FPR at TPR", "fpr_at_tpr"),
    ):
        for at, entry in tree[key].items():
            yield f"{name} {at}", entry
    yield "average precision", tree["ap"]
    yield "EER", tree["eer"]
    yield "log loss", tree["log_loss"]
    yield "Brier score", tree["brier"]
    yield "calibration error", tree["calibration"]["error"]


def _metrics(tree: dict[str, Any]) -> Iterator[str]:
    yield f"{'':{WIDTH}}  value   95 % interval"
    for name, entry in headline(tree):
        line = f"{name:{WIDTH}} {_interval(entry)}"
        if not entry.get("resolved", True):
            needed = round(1 / float(name.split()[-1]))
            line += f"   not resolved: {tree['n_genuine']:,} genuine clips, it takes {needed:,}"
        yield line
    yield f"{'largest of a bin':{WIDTH}} {tree['calibration']['maximum']:.4f}"


def _decided(tree: dict[str, Any]) -> Iterator[str]:
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
    yield from _macro(decision)
    yield ""
    yield from precisions(decision["base_rates"])


def _counts(decision: dict[str, Any]) -> str:
    return ", ".join(f"{key.upper()} {decision[key]:,}" for key in ("tp", "fp", "tn", "fn"))


def _macro(decision: dict[str, Any]) -> Iterator[str]:
    precision = decision["macro_precision"]
    shown = "none: one class is never called" if precision is None else f"{precision:.4f}"
    yield f"{'macro precision':{WIDTH}} {shown}"
    yield f"{'macro recall':{WIDTH}} {decision['macro_recall']:.4f}"


def _sok(tree: dict[str, Any]) -> Iterator[str]:
    if "sok" not in tree:
        return
    found = tree["sok"]
    column, targets, decision = found["forged_column"], found["targets"], found["decision"]
    yield ""
    yield f"p{column} taken as the probability of forged; as p{1 - column} the AUC would be " + format(
        found["auc_if_forged_column"][str(1 - column)], ".4f"
    )
    yield f"by its own decisions (pred): {_counts(decision)}"
    yield f"TPR {decision['tpr']:.4f}, FPR {decision['fpr']:.4f}, accuracy {decision['accuracy']:.4f}"
    if targets["n"]:
        yield (
            f"its targets ({targets['n']:,} given, {targets['n_withheld']:,} withheld) agree with the "
            "protocol in "
            f"{targets['agree_if_1_is_forged'] * 100:.2f} % if 1 means forged, "
            f"{targets['agree_if_1_is_genuine'] * 100:.2f} % if 1 means genuine"
        )
    else:
        yield f"its targets are all withheld ({targets['n_withheld']:,}): the protocol's were used"
    yield f"lines whose pred is not the larger probability: {found['pred_not_larger']:,}"
    if found["largest_sum_error"] > 1e-3:
        yield f"p0 + p1 is off 1 by up to {found['largest_sum_error']:.3g}"
    yield from precisions(decision["base_rates"])


def _groups(tree: dict[str, Any]) -> Iterator[str]:
    for column, groups in tree.get("groupings", {}).items():
        width = max(WIDTH, *map(len, groups))
        yield ""
        genuine = f"{tree['n_genuine']:,} genuine clips"
        yield f"AUC of each group of forged clips against all {genuine}, by {column}"
        yield f"{'':{width}}  value   95 % interval     {'forged':>8} {'TPR':>7}  {'genuine':>8} {'FPR':>7}"
        for group, entry in sorted(
            groups.items(), key=lambda item: (item[1]["n_forged"] == 0, -(item[1]["value"] or 0))
        ):
            note = {True: "   seen in training", False: "   not seen in training", None: ""}[entry["seen"]]
            auc = _interval(entry) if entry["n_forged"] else f"{'-':24}"
            rates = (
                f"{entry[n]:>8,} " + (f"{'-':>7}" if entry[rate] is None else f"{entry[rate]:7.4f}")
                for n, rate in (("n_forged", "tpr"), ("n_genuine", "fpr"))
            )
            yield f"{group:{width}} {auc} {'  '.join(rates)}{note if entry['n_forged'] else ''}"


def _side_by_side(found: dict[str, Any]) -> Iterator[str]:
    """A row for each metric, a column for each model, then mean and standard deviation."""
    names = [tree["name"] for tree in found["models"]]
    widths = [max(8, len(name)) for name in names]
    heads = [f"{name:>{width}}" for name, width in zip([*names, "mean", "sd"], [*widths, 8, 8], strict=True)]
    yield f"{'':{WIDTH}} {'  '.join(heads)}"
    for rows in zip(*[headline(tree) for tree in [*found["models"], found["spread"]]], strict=True):
        *entries, spread = [entry for _, entry in rows]
        values = [*(entry["value"] for entry in entries), spread["mean"], spread["sd"]]
        cells = [f"{value:>{width}.4f}" for value, width in zip(values, [*widths, 8, 8], strict=True)]
        yield f"{rows[0][0]:{WIDTH}} {'  '.join(cells)}"


def _compared(comparisons: Sequence[dict[str, Any]]) -> Iterator[str]:
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
        drawn = [("AUC, bootstrap", each["bootstrap"]["auc"])]
        drawn += [(f"TPR at FPR {rate}", entry) for rate, entry in each["bootstrap"]["tpr_at_fpr"].items()]
        for name, entry in drawn:
            yield f"  {name:{WIDTH}} {entry['value']:+.4f}  [{entry['low']:+.4f}, {entry['high']:+.4f}]"


def _explained(definitions: dict[str, str]) -> Iterator[str]:
    for name, key in (
        ("TPR at FPR", "tpr_at_fpr"),
        ("FPR at TPR", "fpr_at_tpr"),
        ("pAUC", "partial_auc"),
        ("calibration", "calibration"),
        ("base rates", "base_rates"),
    ):
        yield f"{name}: {definitions[key]}"


def _interval(entry: dict[str, Any]) -> str:
    if entry["low"] is None:
        return f"{entry['value']:.4f}  [no interval]   "
    return f"{entry['value']:.4f}  [{entry['low']:.4f}, {entry['high']:.4f}]"
