"""`telltale bundle` as a function."""

import argparse
import os
from pathlib import Path

from telltale.cli import bundle as verb


def make(world: Path, data: Path, out: Path, *more: str) -> int:
    """`telltale bundle`, without the program's catching of errors."""
    verb.add_arguments(parser := argparse.ArgumentParser())
    test = [
        "--test",
        str(world / "scores.csv"),
        str(data / "test_labels.csv"),
        os.path.relpath(data / "test"),
    ]
    return verb.run(
        parser.parse_args([str(world / "run"), "--data", str(data), "--out", str(out), *test, *more])
    )
