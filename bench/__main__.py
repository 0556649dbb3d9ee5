"""`make bench`: the cost of decoding, the data path, the store and whole programs, each compared in one run.

    .venv/bin/python -m bench [--clips ../shared/media/clips] [--only decode path inference ...] [--quick]

Each row is a ratio to a peer or to a limit that is measured in the same run. The command prints a table and
writes bench/results.json: {name, ratio, target, met, ...}. It needs a machine that does nothing else.
"""

import argparse
from pathlib import Path

from telltale.runtime import threads

threads.set_environment()  # before numpy and torch are loaded, as telltale's own programs do

from bench import decode, evaluate, inference, path, programs, pseudo, training  # noqa: E402
from bench.measure import write  # noqa: E402

HERE = Path(__file__).resolve().parent
PARTS = ("decode", "path", "inference", "training", "programs", "evaluate", "pseudo")


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clips",
        type=Path,
        default=HERE.parent.parent / "shared/media/clips",
        help="in the competition's layout",
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few clips and one repeat, to see that it works; the numbers mean nothing",
    )
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    arguments = parser.parse_args(given)
    paths = sorted(arguments.clips.glob("*/*.mp4"))
    if not paths:
        parser.error(
            f"{arguments.clips}: holds no */*.mp4; name a folder in the competition's layout with --clips"
        )
    repeats = 1 if arguments.quick else 3
    few = paths[:12] if arguments.quick else paths
    parts = {
        "decode": lambda: decode.measure(few, repeats),
        "path": lambda: path.measure(few, repeats),
        "inference": lambda: inference.measure(repeats, 2 if arguments.quick else None),
        "training": lambda: training.measure(few, repeats),
        "programs": lambda: programs.measure(
            arguments.clips, few, repeats, *((4, 16) if arguments.quick else ())
        ),
        "evaluate": lambda: evaluate.measure(*((2000, 10) if arguments.quick else ())),
        "pseudo": lambda: pseudo.measure(*((1,) if arguments.quick else ())),
    }
    rows = []
    for name in arguments.only:
        for row in parts[name]():
            print(row.line(), flush=True)
            rows.append(row)
    write(rows, arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
