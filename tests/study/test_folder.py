"""The folder of a study keeps what is done and refuses what does not belong together."""

import json
from pathlib import Path

import pandas as pd
import pytest

from telltale.errors import InputError
from telltale.study.folder import StudyFolder


def test_a_step_is_made_once_and_comes_back_to_the_bit(tmp_path: Path) -> None:
    made = []

    def make() -> list[float]:
        made.append(1)
        return [1 / 3, 2.0]

    for _ in range(2):
        study = StudyFolder(tmp_path / "out", "unseen", {"seeds": (1, 2), "data": "d"})
        assert study.step("third", make) == [1 / 3, 2.0]
    assert len(made) == 1
    assert study.step("third", make, of=[1]) == [1 / 3, 2.0]
    assert len(made) == 2


def test_a_step_that_failed_leaves_nothing(tmp_path: Path) -> None:
    study = StudyFolder(tmp_path, "unseen", {})
    with pytest.raises(ZeroDivisionError):
        study.step("broken", lambda: 1 / 0)
    assert study.step("broken", lambda: 3) == 3


def test_another_study_and_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    StudyFolder(tmp_path, "unseen", {"seeds": [1]})
    with pytest.raises(InputError, match=r"was begun with seeds=\[1\], now it is \[1, 2\]"):
        StudyFolder(tmp_path, "unseen", {"seeds": [1, 2]})
    with pytest.raises(InputError, match="holds a study unseen"):
        StudyFolder(tmp_path, "probes", {"seeds": [1]})
    assert json.loads((tmp_path / "study.json").read_text())["began"]["code"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="is not empty and holds no study"):
        StudyFolder(tmp_path, "unseen", {})


def test_a_table_keeps_all_digits(tmp_path: Path) -> None:
    study = StudyFolder(tmp_path, "unseen", {})
    table = pd.DataFrame({"name": ["a", "b"], "auc": [1 / 3, None]})
    path = study.table("results", table)
    pd.testing.assert_frame_equal(pd.read_csv(path), table)
