"""One small run that keeps every rule, for the tests of the audit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from audits import SMALL
from programs import do_predict, do_train


@pytest.fixture(scope="session")
def clean(made: Callable[[str, Callable[[Path], None]], Path], tiny: Path) -> Path:
    """A run that keeps every rule, with a submission in out/ beside it. Do not write into it."""

    def write(folder: Path) -> None:
        assert do_train(tiny, folder / "run", *SMALL) == 0
        options = ("--set", "predict.spans=2")
        assert do_predict(folder / "run", tiny / "test", folder / "out" / "submission.csv", *options) == 0

    return made("clean run", write) / "run"


@pytest.fixture
def run(clean: Path, tmp_path: Path) -> Path:
    """A copy of the run `clean` to change. The submission is in out/ beside it."""
    shutil.copytree(clean.parent, tmp_path / "copy")
    return tmp_path / "copy" / "run"
