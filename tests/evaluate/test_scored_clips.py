"""Labels and scores joined by name: what does not pair is refused, what has no score can be left out."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score_files import QUICK, TARGETS, evaluated, scores_of
from sklearn.metrics import roc_auc_score

from telltale.errors import InputError
from telltale.evaluate import scored_clips
from telltale.scores.score import Score
from telltale.scores.table import read_scores, write_scores


def test_names_are_the_shortest_parts_that_tell_files_apart(tmp_path: Path) -> None:
    def names(*paths: str) -> list[str]:
        return scored_clips.distinct_names([tmp_path / path for path in paths])

    assert names("runs/a/scores.csv") == ["scores.csv"]
    assert names("runs/a/scores.csv", "runs/b/scores.csv") == ["a", "b"]
    assert names("runs/a/one.csv", "runs/b/two.csv") == ["one.csv", "two.csv"]
    assert names("x/1/scores.csv", "y/1/scores.csv") == ["x", "y"]
    assert names("x/1/s.csv", "x/2/s.csv", "y/1/s.csv") == ["x/1", "x/2", "y/1"]
    with pytest.raises(InputError, match="given twice"):
        names("runs/a/scores.csv", "runs/b/../a/scores.csv")
    with pytest.raises(InputError, match="no score files"):
        names()


def test_several_files_are_evaluated_on_the_clips_that_all_of_them_scored(three_models: Path) -> None:
    for seed, lost in ((0, "4.mp4"), (1, "7.mp4")):
        path = three_models / f"seed{seed}" / "scores.csv"
        text = path.read_text().splitlines()
        path.write_text(
            "\n".join(f"{lost},,damaged," if line.startswith(f"{lost},") else line for line in text) + "\n"
        )
    with pytest.raises(InputError, match=r"seed0/scores.csv: no fake probability in 1 of 120"):
        evaluated(three_models, 0, 1)
    found = evaluated(three_models, 0, 1, options=dataclasses.replace(QUICK, scored_only=True)).tree
    assert (found["n_left_out"], found["n_genuine"], found["n_forged"]) == (2, 59, 59)
    assert found["models"][0]["auc"]["value"] == roc_auc_score(
        np.delete(TARGETS, [4, 7]), np.delete(scores_of(0.5, 0), [4, 7])
    )


def test_rows_are_joined_by_name_in_the_labels_order(tmp_path: Path) -> None:
    names = [f"{stem}.mp4" for stem in ("NA", "nan", "1", "01", "None", "\u00e9")]
    (tmp_path / "labels.csv").write_text(
        "video_name,target\n" + "".join(f"{name},{row % 2}\n" for row, name in enumerate(names)), "utf-8"
    )
    rows = [Score(name, row / 10, "ok", 1.0) for row, name in enumerate(names)]
    write_scores(tmp_path / "scores.csv", rows[::-1])
    clips = scored_clips.of_labels(tmp_path / "labels.csv", [tmp_path / "scores.csv"], scored_only=False)
    assert clips.targets.index.tolist() == names
    assert clips.scores_of("scores.csv").tolist() == [row / 10 for row in range(6)]
    assert clips.targets.tolist() == [0, 1, 0, 1, 0, 1]
    assert (clips.n_genuine, clips.n_forged, clips.n_left_out) == (3, 3, 0)


def test_pandas_itself_refuses_names_listed_twice(tmp_path: Path) -> None:
    """Should a reader ever let one through, the join does not multiply rows."""
    write_scores(tmp_path / "scores.csv", [Score("a.mp4", 0.5, "ok", 1.0)])
    labels = pd.DataFrame({"video_name": ["a.mp4", "a.mp4"], "target": [0, 1]})
    scores = read_scores(tmp_path / "scores.csv")
    with pytest.raises(pd.errors.MergeError, match="not unique"):
        scored_clips._joined(tmp_path / "labels.csv", labels, tmp_path / "scores.csv", scores)
