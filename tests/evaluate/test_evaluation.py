"""of_files: the tree of one model, what is written, and the same bytes for the same files."""

import dataclasses
import json
from pathlib import Path

import pytest
from score_files import QUICK, TARGETS, N, evaluated, scores_of

from telltale.evaluate.evaluation import folder_names, of_files
from telltale.evaluate.options import ScoreFiles
from telltale.metrics import delong, table
from telltale.metrics.resampling import bootstrap
from telltale.metrics.summary import summary
from telltale.scores.score import Score
from telltale.scores.table import write_scores


def test_one_file_is_the_summary_with_the_names_of_its_files(three_models: Path) -> None:
    found = evaluated(three_models, 1).tree
    values = scores_of(1.0, 1)
    expected = summary(TARGETS, values, bootstrap(TARGETS, values, resamples=20, seed=0))
    for key in (
        "auc",
        "tpr_at_fpr",
        "partial_auc",
        "fpr_at_tpr",
        "ap",
        "eer",
        "log_loss",
        "brier",
        "calibration",
        "bootstrap",
    ):
        assert found[key] == expected[key], key
    assert (found["labels"], found["scores"], found["n_left_out"]) == ("labels.csv", "scores.csv", 0)
    assert (found["decision"]["threshold"], found["decision"]["chosen"]) == (0.5, {"how": "default"})
    assert "by default: none was stated" in evaluated(three_models, 1).text()
    json.dumps(found, allow_nan=False)


def test_delong_intervals_are_asked_for_by_name(three_models: Path) -> None:
    found = evaluated(three_models, 1, options=dataclasses.replace(QUICK, intervals="delong")).tree
    assert found["auc"] == delong.interval(TARGETS, scores_of(1.0, 1))
    assert found["ap"] == evaluated(three_models, 1).tree["ap"]
    assert "DeLong" in found["definitions"]["low, high"]
    assert "DeLong" not in table.definitions()["low, high"]


def test_nothing_flagged_is_said_and_written(three_models: Path) -> None:
    """A constant score below the threshold: no precision anywhere, no 0 / 0, and every figure still draws."""
    rows = [Score(f"{row}.mp4", 0.2, "ok", 1.0) for row in range(N)]
    write_scores(three_models / "flat.csv", rows)
    result = of_files(ScoreFiles(three_models / "labels.csv", [three_models / "flat.csv"]), QUICK)
    decision = result.tree["decision"]
    assert (decision["tp"], decision["fp"], decision["macro_precision"]) == (0, 0, None)
    assert all(row["precision"] is None for row in decision["base_rates"])
    assert "nothing flagged" in result.text()
    assert "base_rates.png" in result.write(three_models / "out")


def test_writing_names_its_files_and_metrics_come_last(three_models: Path) -> None:
    one, two = evaluated(three_models, 1), evaluated(three_models, 0, 1)
    written = one.write(three_models / "one")
    assert written == [
        "roc.png",
        "det.png",
        "histogram.png",
        "reliability.png",
        "base_rates.png",
        "metrics.json",
    ]
    assert sorted(written) == sorted(path.name for path in (three_models / "one").iterdir())
    assert json.loads((three_models / "one/metrics.json").read_text()) == json.loads(json.dumps(one.tree))
    written = two.write(three_models / "two")
    assert written[-2:] == ["comparison.png", "metrics.json"]
    assert {"seed0/roc.png", "seed1/base_rates.png"} < set(written)
    assert sorted(written) == sorted(
        path.relative_to(three_models / "two").as_posix() for path in (three_models / "two").rglob("*.*")
    )
    assert str(three_models) not in (three_models / "two/metrics.json").read_text()


def test_models_whose_names_would_share_a_folder_are_numbered() -> None:
    assert folder_names(["a/b_c", "a_b/c"]) == ["1_a_b_c", "2_a_b_c"]
    assert folder_names(["seed 0", "../x"]) == ["seed_0", ".._x"]


def test_the_same_files_elsewhere_give_the_same_bytes(
    three_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    for name in ("labels.csv", "seed1/scores.csv"):
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).write_bytes((three_models / name).read_bytes())
    for place in (three_models, other):
        evaluated(place, 1).write(place / "out")
    for path in (three_models / "out").iterdir():
        assert path.read_bytes() == (other / "out" / path.name).read_bytes(), path.name
