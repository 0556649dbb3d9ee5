"""Fixtures for every test.

`hostile` is a folder of files that break pipelines, `clips` a data set in the competition's layout. A test
that uses them runs with drawn files, which the tests write. It runs a second time with real files if there
are any: they are looked for in `../shared/media`, or below the folder that the environment variable
TELLTALE_SHARED names.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from telltale.runtime import threads

threads.set_environment()  # before the fixtures import numpy and torch
# The tests' models are tiny and several test processes share the cores: more threads only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
MEDIA = Path(os.environ.get("TELLTALE_SHARED") or REPOSITORY.parent / "shared") / "media"
REAL = all((MEDIA / name).is_dir() for name in ("clips", "hostile"))

if TYPE_CHECKING:
    from worlds.hostile import Source

Made = Callable[[str, Callable[[Path], None]], Path]


def pytest_report_header() -> str:
    real = f"and the real ones of {MEDIA}" if REAL else f"and no real ones: {MEDIA} is absent"
    return f"clips: drawn ones, {real}"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Made:
    """made(name, write): the folder `name` of this test run. `write` fills it once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent

    def folder(name: str, write: Callable[[Path], None]) -> Path:
        whole, partial = base / name, base / f"{name}.partial"
        with FileLock(base / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                write(partial)
                partial.rename(whole)
        return whole

    return folder


@pytest.fixture(params=["drawn", "real"] if REAL else ["drawn"])
def source(request: pytest.FixtureRequest) -> "Source":
    """Where `clips` and `hostile` of this test come from."""
    return request.param


@pytest.fixture
def clips(source: "Source", request: pytest.FixtureRequest) -> Path:
    """Folder of clips in the competition's layout: train/, validation/, test/, *_labels.csv. Read-only."""
    return MEDIA / "clips" if source == "real" else request.getfixturevalue("tiny")


@pytest.fixture(scope="session")
def drawn_hostile(made: Made) -> Path:
    """The drawn files of `hostile`, for tests that know more of them. Do not write into it."""
    from worlds.hostile import write_all

    return made("hostile", write_all)


@pytest.fixture
def hostile(source: "Source", request: pytest.FixtureRequest) -> Path:
    """Folder of files that break pipelines, among them counting.mp4, whose frame k shows the number k.
    Read-only."""
    return MEDIA / "hostile" if source == "real" else request.getfixturevalue("drawn_hostile")


@pytest.fixture(scope="session")
def tiny(made: Made) -> Path:
    """A demo data set of 34 clips of about a second and 64 pixels, in the competition's layout. Do not write
    into it."""
    from telltale.demo.dataset import DatasetSpec, write_dataset

    spec = DatasetSpec({"train": 16, "validation": 8, "test": 10}, seed=3, seconds=1.2, size=64)
    return made("tiny", lambda folder: write_dataset(folder / "data", spec, workers=1)) / "data"


@pytest.fixture(scope="session")
def tiny_run(made: Made, tiny: Path) -> Path:
    """A run of train.py on `tiny` with worlds/tiny.yaml, in run/, and what predict.py wrote of tiny/test:
    submission.csv, scores.csv, scores.json. Do not write into it: copy what a test changes."""
    from programs import do_predict, do_train

    def write(folder: Path) -> None:
        assert do_train(tiny, folder / "run") == 0
        assert do_predict(folder / "run", tiny / "test", folder / "submission.csv") == 0

    return made("tiny-run", write)
