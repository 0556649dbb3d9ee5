"""Do shortcut probes find what is not there? Drawn data sets, of which none has a planted shortcut.

    python -m bench.probes --seeds 20 --clips 60

Prints for each data seed the lowest corrected p among the shortcut probes, then how many seeds have a finding
at the 5 % level, and the distribution of the uncorrected p of each probe: uniform if there is nothing to
find.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from telltale.demo.dataset import DatasetSpec, write_dataset
from telltale.runtime import threads
from telltale.study import probes
from telltale.study.probe_facts import Reading, read_facts
from telltale.study.probe_statistics import Permuting


def table_of(root: Path, seed: int, clips: int, permutations: int) -> pd.DataFrame:
    """The table of the probes on a drawn data set."""
    held = max(clips // 6, 2)
    spec = DatasetSpec(
        {"train": clips - 2 * held, "validation": held, "test": held}, seed=seed, seconds=1.2, size=64
    )
    folder = root / f"{clips}-{seed}"
    if not (folder / "data").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_dataset(folder / "data", spec, workers=threads.cores())
    request = probes.Request(folder / "data")
    listed = probes.list_clips(request)
    groups, _ = probes.group_codes(listed, request)
    paths = [Path(path) for path in listed["path"]]
    facts = read_facts(paths, folder / "facts", Reading(threads.cores()))
    question = probes.questions(listed, request)[0]
    return probes.probe(question, facts, groups, Permuting(permutations, 50, seed))[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--keep", type=Path, help="folder that keeps what was drawn (default: none)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(args, args.keep or Path(folder))


def report(args: argparse.Namespace, root: Path) -> None:
    """Probe all seeds and print what they say."""
    tables = []
    for seed in range(args.first, args.first + args.seeds):
        table = table_of(root, seed, args.clips, args.permutations)
        tables.append(table.assign(seed=seed))
        own = table[table["kind"] == "shortcut"].sort_values("p_corrected").iloc[0]
        print(
            f"seed {seed}: {own['probe']} AUC {own['auc']:.3f}, corrected p {own['p_corrected']:.3f}",
            flush=True,
        )
    together = pd.concat(tables)
    found = together[together["finding"].notna()]
    for kind in ("shortcut", "informative"):
        count = found[found["kind"] == kind]["seed"].nunique()
        print(f"{kind}: found in {count} of {args.seeds} seeds")
    edges = np.linspace(0, 1, 6)
    print(f"{'probe':<20}{'AUC':>7}  seeds by p in fifths of [0, 1]")
    for name, rows in together.groupby("probe", sort=False):
        counts = np.histogram(rows["p"].dropna(), edges)[0]
        print(f"{name:<20}{rows['auc'].mean():>7.3f}  {' '.join(f'{count:>3}' for count in counts)}")


if __name__ == "__main__":
    main()
