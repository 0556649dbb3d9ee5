"""Find shortcuts of a data set: what besides the forgery tells forged from genuine clips?

    telltale study probes --data DIR
    telltale study probes --data DIR --apply baseline --to mine.yaml
    telltale study probes --data DIR --pairs train:validation validation:test

Each probe reads one thing, such as the silence at the beginning, and predicts the class of held-out clips
from it by a small model. p says how often labels at random give as high an AUC, corrected for the number of
probes. "sound only" and "picture only" may see the forgeries themselves; all others find shortcuts.

--apply writes a configuration with the remedies against the shortcuts that were found.
--pairs asks how far two splits differ, by the same probes.

A second run with the same --out reads no clip again.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    parser.add_argument(
        "--out", type=Path, default=Path("probes"), metavar="FOLDER", help="default: %(default)s"
    )
    parser.add_argument(
        "--splits", nargs="+", default=[], metavar="SPLIT", help="default: all that have a label file"
    )
    parser.add_argument(
        "--pairs", nargs="+", default=[], metavar="A:B", help="splits to compare, such as train:validation"
    )
    parser.add_argument("--apply", type=Path, metavar="CONFIG", help="a configuration to mend")
    parser.add_argument("--to", type=Path, metavar="NEW", help="where --apply writes it")
    parser.add_argument(
        "--groups",
        type=Path,
        metavar="FILE",
        help="CSV of video_name and group: what belongs together",
    )
    parser.add_argument(
        "--group-column", metavar="NAME", help="column of the labels or of meta.csv (default: identity)"
    )
    parser.add_argument("--permutations", type=int, default=2000, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    parser.add_argument("--workers", type=int, metavar="W", help="processes (default: all cores)")


def run(args: argparse.Namespace) -> int:
    from telltale.errors import InputError

    if (args.apply is None) != (args.to is None):
        raise InputError("--apply CONFIG and --to NEW go together; give both")
    if args.permutations < 99:
        raise InputError(f"--permutations {args.permutations}: wanted 99 or more")

    from telltale import config
    from telltale.runtime.threads import cores
    from telltale.study import probes
    from telltale.study.probe_facts import Reading
    from telltale.study.probe_remedies import Remedy, apply
    from telltale.study.probe_report import write_page
    from telltale.study.probe_statistics import Permuting

    settings = config.read(args.apply) if args.apply else None
    request = probes.Request(
        args.data, tuple(args.splits), probes.known_splits(args.pairs), args.groups, args.group_column
    )
    permuting = Permuting(permutations=args.permutations, seed=args.seed)
    clips = probes.list_clips(request)
    asked = probes.questions(clips, request)
    groups, source = probes.group_codes(clips, request)
    study = probes.study_folder(args.out, request, permuting)
    facts = probes.facts_of(study, clips, Reading(args.workers or cores()))
    remedies: list[Remedy] = []
    tables = []
    for question in asked:
        table, found = probes.probe(question, facts, groups, permuting, settings)
        study.table(question.name, table)
        tables.append((question, table))
        remedies += found if question.name == "classes" else []
        show(question.title, table)
    write_page(study.path, tables, facts, f"{len(set(groups.tolist()))} groups ({source})")
    if args.apply:
        changed = apply(args.apply, args.to, remedies)
        said = " ".join(f"{key}={value:g}" for key, value in changed.items()) or "nothing differs"
        print(f"{args.to}: {args.apply} with {said}")
    print(f"{study.path / 'index.html'}")
    return 0


def show(title: str, table: "pd.DataFrame") -> None:
    """Print a table: the probes by their AUC, then what was found."""
    print(f"\n{title}")
    print(f"{'probe':<20}{'clips':>7}{'AUC':>8}  {'95 % interval':<16}{'p':>8}{'corrected':>11}")
    for row in table.sort_values("auc", ascending=False, na_position="last").to_dict("records"):
        if row["status"] != "ok":
            print(f"{row['probe']:<20}{row['clips']:>7}  {row['status']}")
            continue
        finding = row["finding"] if isinstance(row["finding"], str) else ""
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        print(
            f"{row['probe']:<20}{row['clips']:>7}{row['auc']:>8.3f}  {interval:<16}{row['p']:>8.4f}"
            f"{row['p_corrected']:>11.4f}  {finding}".rstrip()
        )
    for row in table[table["finding"].notna()].to_dict("records"):
        print(f"{row['probe']}: {row['strongest'] or 'see the figure'}")
        print(f"  remedy: {row['remedy']}" + (f" ({row['effect']})" * (row["effect"] != row["remedy"])))
