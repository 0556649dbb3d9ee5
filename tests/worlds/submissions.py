"""Small submissions and bundles, and calls of `telltale submit-log` for the tests of the ledger."""

import json
from pathlib import Path

from telltale.cli import parse


def run(*arguments: str) -> int:
    module, parsed = parse(["submit-log", *arguments])
    return module.run(parsed)


def submission(name: str, score: float = 0.5) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"video_name,score\na.mp4,{score}\nb.mp4,0.25\n")
    return name


def bundle(name: str, **values: object) -> str:
    Path(name).mkdir()
    Path(name, "bundle.json").write_text(json.dumps(values))
    return name


def add(k: int, when: str, *more: str, phase: str = "validation") -> int:
    return run("add", submission(f"s{k}.csv", k / 1000), "--phase", phase, "--when", when, *more)
