"""What may be done to a bundle, by accident or on purpose, for test_bundle.py to find: each changes the
bundle in a folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from telltale.reproduce import bundle as bundles
from telltale.runtime.environment import packages


def mend(bundle: Path) -> None:
    """Make bundle.json's hashes those of the files that are there, as a careful forger would."""
    manifest = bundle / "bundle.json"
    tree = json.loads(manifest.read_text())
    tree["files"] = bundles.hashes(bundle, bundles.contents(bundle))
    manifest.write_text(json.dumps(tree))


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    assert change(before) != before
    path.write_text(change(before))


def flip_a_bit(bundle: Path) -> None:
    content = bytearray((bundle / "run" / "best.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "run" / "best.pt").write_bytes(content)


def edit_label(bundle: Path) -> None:
    edit(bundle / "labels" / "test.csv", lambda text: text.replace(",1\n", ",0\n", 1))


def edit_config(bundle: Path) -> None:
    edit(bundle / "run" / "config.yaml", lambda text: text.replace("rate: 0.001", "rate: 0.002"))


def edit_score(bundle: Path) -> None:
    edit(bundle / "scores" / "test.csv", lambda text: text.replace(",0.", ",0.9", 1))


def edit_figure(bundle: Path) -> None:
    shutil.copyfile(bundle / "evaluation" / "test" / "det.png", bundle / "evaluation" / "test" / "roc.png")


def remove(bundle: Path) -> None:
    (bundle / "scores" / "test.csv").unlink()


def lose_metrics(bundle: Path) -> None:
    (bundle / "evaluation" / "test" / "metrics.json").unlink()


def lose_data_list(bundle: Path) -> None:
    (bundle / "data.csv").unlink()
    mend(bundle)  # still missed


def edit_seed(bundle: Path) -> None:
    edit(bundle / "run" / "config.yaml", lambda text: text.replace("seed: 1\n", "seed: 2\n"))


def edit_version(bundle: Path) -> None:
    edit(
        bundle / "bundle.json",
        lambda text: text.replace(f'"numpy": "{packages()["numpy"]}"', '"numpy": "1.0.0"'),
    )


def add(bundle: Path) -> None:
    shutil.copyfile(bundle / "run" / "best.pt", bundle / "second.pt")
