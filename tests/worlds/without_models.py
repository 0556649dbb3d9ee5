"""Runs verbs of telltale, a line of standard input each, words apart by "|", where no package of the extra
`model` is there."""

import sys

from telltale.cli import main
from telltale.runtime.entry import MODEL_STACK


class Absent:
    """Finds these packages before anybody else does, and says that they are not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in MODEL_STACK:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    assert not MODEL_STACK & set(sys.modules)
    sys.meta_path.insert(0, Absent())  # type: ignore[arg-type]
    for line in sys.stdin.read().splitlines():
        print("status", main(line.split("|")), flush=True)
