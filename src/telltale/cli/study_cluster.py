"""Group forged clips into kinds that nobody named, by the features of a trained detector.

    telltale study cluster RUN --data DIR --out FOLDER [--k K | --k-range 2:30] [--dimensions 64]

The detector's features of the forged training clips go through PCA to k-means. FOLDER/clusters.csv says which
cluster each forged clip is in; clips of the further --splits get the nearest centre's. `folds.clusters` reads
the file. FOLDER/index.html shows how many clusters there are by two indices, how stable they are, a map and
contact sheets. With --method-column, a column of the label files or meta.csv, they are compared with the
kinds that are known. The same seed gives the same files; the same command continues what was stopped.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run, or its best.pt")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the study")
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--k", type=count, metavar="K", help="clusters (default: the elbow of the index)")
    many.add_argument("--k-range", type=span, metavar="A:B", help="where the elbow is looked for (2:30)")
    parser.add_argument(
        "--dimensions",
        type=dimensions,
        default=64,
        metavar="D",
        help='principal components, or "none" for the features as they are (default: %(default)s)',
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: %(default)s")
    parser.add_argument("--method-column", metavar="NAME", help="known kinds, to compare with")
    add_splits(parser, "whose forged clips are in clusters.csv")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of decoded clips")


def run(args: argparse.Namespace) -> int:
    from telltale.runtime.entry import require_files
    from telltale.runtime.signals import watch_signals

    require_files(args.run, wanted="the folder of a trained run, or its best.pt")
    require_files(args.data, wanted="a folder in the competition's layout")
    with watch_signals() as watch:
        from telltale.study.cluster import cluster
        from telltale.study.cluster_types import Options

        splits = tuple(dict.fromkeys(args.splits))
        options = Options(
            args.run,
            args.data,
            args.out,
            args.k,
            args.k_range,
            args.dimensions,
            args.seed,
            args.method_column,
            splits,
            args.store,
        )
        summary = cluster(options, watch)
    clips = ", ".join(f"{count} {split}" for split, count in summary["clips"].items())
    print(f"{summary['k']} clusters of forged clips: {clips}; {summary['unread']} could not be read")
    print(f"adjusted Rand between seeds: {summary['rand_mean']:.3f}, least {summary['rand_least']:.3f}")
    for split, found in summary["against_methods"].items():
        if found:
            print(
                f"against {args.method_column}, {split}: adjusted Rand {found['adjusted_rand']:.3f}, purity "
                f"{found['purity']:.3f}"
            )
    print(f"wrote {args.out}/clusters.csv, index.html")
    return 0


def count(text: str) -> int:
    """A number of clusters, two or more. Raises ArgumentTypeError, as argparse wants it."""
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"wanted a number of clusters, 2 or more, got '{text}'")
    return int(text)


def span(text: str) -> tuple[int, int]:
    """A:B, the first and the last k."""
    first, _, last = text.partition(":")
    if not (first.isdecimal() and last.isdecimal() and 2 <= int(first) < int(last)):
        raise argparse.ArgumentTypeError(f"wanted A:B with 2 <= A < B, got '{text}'")
    return int(first), int(last)


def dimensions(text: str) -> int | None:
    """A number of dimensions, or None for "none"."""
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a number of dimensions, or none, got '{text}'")
    return int(text)
