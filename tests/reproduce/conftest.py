"""A real, tiny run and its bundle."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bundles import make


@pytest.fixture(scope="session")
def world(made: Callable[..., Path], tiny_run: Path, tiny: Path) -> Path:
    """run/, scores.csv of its test split, and bundle/ made of them. Do not write into it: copy what a test
    changes."""

    def write(folder: Path) -> None:
        shutil.copytree(tiny_run, folder, dirs_exist_ok=True)
        assert make(folder, tiny, folder / "bundle") == 0

    return made("bundled", write)
