"""Folders of score files, written anew for each test."""

from pathlib import Path

import pytest
from score_files import write_eight_clips, write_three_models


@pytest.fixture
def three_models(tmp_path: Path) -> Path:
    write_three_models(tmp_path)
    return tmp_path


@pytest.fixture
def eight_clips(tmp_path: Path) -> Path:
    write_eight_clips(tmp_path)
    return tmp_path
