"""`telltale evaluate --labels L --scores S [--out DIR] [--groups META.csv:COLUMN]`: how well scores tell forged from genuine.

`S` is a scores.csv or a submission.csv; names are joined one to one with `L` (video_name,target). Prints every metric with its
bootstrap 95 % interval; with --out it writes metrics.json, roc.png, det.png and histogram.png, and kinds.png for --groups.
"""

import argparse
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from telltale.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV", help="video_name,target: 1 forged, 0 genuine")
    parser.add_argument("--scores", type=Path, required=True, metavar="CSV", help="scores.csv or submission.csv")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write metrics.json and the figures there")
    parser.add_argument(
        "--groups", metavar="META.csv:COLUMN", help="AUC of each group of forged clips, as the column names them; a column "
        "'split' in the same file tells which groups were seen in training"
    )  # fmt: skip
    parser.add_argument("--scored-only", action="store_true", help="leave out clips that have a status and no score")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from telltale import metrics
    from telltale.manifest import read_labels

    labels = read_labels(args.labels)
    scored, left_out = join(args.labels, labels, args.scores, scored_only=args.scored_only)
    names = list(scored)
    targets, probabilities = np.array([labels[name] for name in names]), np.array(list(scored.values()))
    kind_of, seen = read_groups(args.groups, [name for name in names if labels[name] == 1]) if args.groups else ({}, {})

    band = np.geomspace(1e-5, 1, 201)
    draws = metrics.bootstrap(
        targets, probabilities, resamples=args.resamples, seed=args.seed, fprs=(*metrics.FPRS, *band.tolist())
    )
    found = metrics.summary(targets, probabilities, draws)
    found["n_left_out"] = left_out
    if args.groups:
        groups = [kind_of.get(name, "") for name in names]
        by_group = metrics.group_aucs(targets, probabilities, groups, resamples=args.resamples, seed=args.seed)
        found["groups"] = {kind: {**auc, "seen": seen.get(kind)} for kind, auc in by_group.items()}
    print(table(found))
    if args.out:
        _write(args.out, found, targets, probabilities, (band, *np.percentile(draws.tpr[:, -len(band) :], (2.5, 97.5), axis=0)))
    return 0


def join(labels_path: Path, labels: Collection[str], scores_path: Path, *, scored_only: bool) -> tuple[dict[str, float], int]:
    """Name → fake probability in the labels' order, and how many clips were left out because they had none.

    Raises InputError for labelled names without a row, rows without a label, and, unless `scored_only`, rows without a score.
    """
    from telltale.scores import first_few, read_scores, status_counts, without

    scores = read_scores(scores_path)
    if missing := without(labels, scores):
        raise InputError(
            f"{scores_path}: {len(missing)} of the {len(labels)} videos of {labels_path} have no row: {first_few(missing)}; "
            "wanted one row for each, score the missing ones or give the label file that belongs to these scores"
        )
    if extra := without(scores, labels):
        raise InputError(
            f"{scores_path}: {len(extra)} of {len(scores)} rows are not in {labels_path}: {first_few(extra)}; "
            "wanted one row for each label, give the label file that belongs to these scores"
        )
    scored = {name: p for name in labels if (p := scores[name].fake_probability) is not None}
    if len(scored) < len(labels) and not scored_only:
        unscored = without(labels, scored)
        raise InputError(
            f"{scores_path}: no fake probability in {len(unscored)} of {len(scores)} rows ({status_counts(scores.values())}): "
            f"{first_few(unscored)}; evaluate submission.csv, where they carry the fallback, or pass --scored-only to leave "
            "them out"
        )
    return scored, len(labels) - len(scored)


def read_groups(argument: str, names: Iterable[str]) -> tuple[dict[str, str], dict[str, bool]]:
    """`META.csv:COLUMN` → the group of each video of the file, and group → whether it occurs where `split` is "train".

    The second is empty if there is no such column. Raises InputError if the column, or the group of one of `names`, is missing.
    """
    from telltale.scores import first_few, read_csv, repeated

    file, colon, column = argument.rpartition(":")
    if not colon or not file or not column:
        raise InputError(f"--groups {argument}: wanted FILE.csv:COLUMN, such as meta.csv:kind")
    (_, header), *rows = read_csv(Path(file)) or [(1, [])]
    for wanted in ("video_name", column):
        if header.count(wanted) != 1:
            raise InputError(f"{file}:1: header '{','.join(header)}' has no single column '{wanted}'; name one it has")
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(f"{file}:{line}: {len(row)} fields; wanted {len(header)} as in the header")
    name_at, group_at = header.index("video_name"), header.index(column)
    if twice := repeated(row[name_at] for _, row in rows):
        raise InputError(f"{file}: {len(twice)} videos are listed more than once: {first_few(twice)}; wanted each once")
    groups = {row[name_at]: row[group_at] for _, row in rows}
    if lost := [name for name in names if not groups.get(name)]:
        raise InputError(f"{file}: {len(lost)} forged videos have no '{column}': {first_few(lost)}; wanted one for each")
    if "split" not in header:
        return groups, {}
    trained = {row[group_at] for _, row in rows if row[header.index("split")] == "train"}
    return groups, {group: group in trained for group in groups.values()}


def table(found: dict[str, Any]) -> str:
    """What `metrics.summary` found, with its groups, as lines to print."""
    n_genuine = found["n_genuine"]
    resamples = found["bootstrap"]["resamples"]
    lines = [f"{n_genuine:,} genuine and {found['n_forged']:,} forged clips; 95 % intervals from {resamples:,} resamples"]
    if found["n_left_out"]:
        lines.append(f"left out for want of a score: {found['n_left_out']:,}")
    lines += ["", f"{'':16}  value   95 % interval"]
    rows = [("AUC", found["auc"])]
    rows += [(f"TPR at FPR {fpr}", entry) for fpr, entry in found["tpr_at_fpr"].items()]
    rows += [("average precision", found["ap"]), ("EER", found["eer"]), ("log loss", found["log_loss"])]
    for name, entry in rows:
        lines.append(f"{name:17} {_interval(entry)}")
        if not entry.get("resolved", True):
            needed = round(1 / float(name.split()[-1]))
            lines[-1] += f"   not resolved: {n_genuine:,} genuine clips, it takes {needed:,}"
    lines += ["", f"TPR at FPR: {found['definitions']['tpr_at_fpr']}"]
    if found.get("groups"):
        width = max(17, *map(len, found["groups"]))
        lines += ["", f"AUC of each group of forged clips against all {n_genuine:,} genuine clips"]
        for kind, entry in sorted(found["groups"].items(), key=lambda item: -item[1]["value"]):
            note = {True: "   seen in training", False: "   not seen in training", None: ""}[entry["seen"]]
            lines.append(f"{kind:{width}} {_interval(entry)}   {entry['n_forged']:>6,} forged{note}")
    return "\n".join(lines)


def _interval(entry: dict[str, float]) -> str:
    return f"{entry['value']:.4f}  [{entry['low']:.4f}, {entry['high']:.4f}]"


def _write(out: Path, found: dict[str, Any], targets: Any, probabilities: Any, band: Any) -> None:
    from telltale import metrics
    from telltale.report import figures

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made ({error.strerror}); give a folder that can be written") from None
    fpr, tpr = metrics.roc(targets, probabilities)
    n_genuine, n_forged = found["n_genuine"], found["n_forged"]
    points = [(float(limit), entry["value"], entry["resolved"]) for limit, entry in found["tpr_at_fpr"].items()]
    figures.roc(fpr, tpr, points, n_genuine, out / "roc.png", title=f"ROC: AUC {found['auc']['value']:.4f}", band=band)
    eer = found["eer"]["value"]
    figures.det(fpr, tpr, eer, n_genuine, n_forged, out / "det.png", title=f"DET: EER {eer * 100:.1f} %")
    genuine, forged = probabilities[targets == 0], probabilities[targets == 1]
    figures.histogram(genuine, forged, out / "histogram.png", title="Fake probabilities by class")
    if found.get("groups"):
        rows = [(kind, auc["seen"], auc["value"], auc["low"], auc["high"]) for kind, auc in found["groups"].items()]
        figures.kinds(rows, out / "kinds.png", title="AUC by group of forged clips")
    # Last and whole: a folder that holds metrics.json holds its figures.
    temporary = out / ".metrics.json.tmp"
    temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    temporary.replace(out / "metrics.json")
    print(f"\nwrote metrics.json, roc.png, det.png, histogram.png{', kinds.png' if found.get('groups') else ''} to {out}")
