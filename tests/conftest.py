"""Fixtures for every test: `clips` (real clips) and `hostile` (files that break pipelines) lie beside the repository.

They are looked for in `../shared/media`, or below the folder that the environment variable TELLTALE_SHARED names; a test that
asks for them is skipped, with the path that was looked at, where they are absent.
"""

import os
from pathlib import Path

import pytest

from telltale import threads

threads.set_environment()
# The tests' models are tiny and several test processes share the cores: more threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


def _shared(name: str) -> Path:
    shared = Path(os.environ.get("TELLTALE_SHARED") or REPOSITORY.parent / "shared")
    folder = shared / "media" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: put the shared media there, or set TELLTALE_SHARED to the folder that holds media/")
    return folder


@pytest.fixture(scope="session")
def clips() -> Path:
    """Folder of real clips in the competition's layout: train/, validation/, test/, *_labels.csv, meta.csv. Read-only."""
    return _shared("clips")


@pytest.fixture(scope="session")
def hostile() -> Path:
    """Folder of files that break pipelines, among them counting.mp4, whose frame k shows the number k. Read-only."""
    return _shared("hostile")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo data set of 34 clips of about a second and 64 pixels, in the competition's layout. Do not write into it."""
    from telltale.demo.dataset import write_dataset

    folder = tmp_path_factory.mktemp("tiny") / "data"
    write_dataset(folder, {"train": 16, "validation": 8, "test": 10}, seed=3, seconds=1.2, size=64, workers=1)
    return folder
