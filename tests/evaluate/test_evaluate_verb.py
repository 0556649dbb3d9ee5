"""`telltale evaluate`: from two CSV files to numbers and figures; every way of not belonging together is
refused."""

import argparse
import json
from pathlib import Path

import pytest
from score_files import CLIPS

from telltale.cli import evaluate
from telltale.errors import InputError
from telltale.scores.score import Score
from telltale.scores.table import write_scores


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


def of_clips(folder: Path, *arguments: object, scores: str = "scores.csv") -> int:
    return run("--labels", folder / "labels.csv", "--scores", folder / scores, "--resamples", 40, *arguments)


@pytest.mark.parametrize("scores", ["scores.csv", "submission.csv"])
def test_metrics_and_figures(eight_clips: Path, scores: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = eight_clips / "deep" / "out"
    assert (
        of_clips(
            eight_clips, "--out", str(out), "--groups", f"{eight_clips / 'meta.csv'}:kind", scores=scores
        )
        == 0
    )
    found = json.loads((out / "metrics.json").read_text())
    assert {
        "auc",
        "tpr_at_fpr",
        "ap",
        "eer",
        "log_loss",
        "n_genuine",
        "n_forged",
        "definitions",
        "bootstrap",
    } <= set(found)
    assert (found["n_genuine"], found["n_forged"], found["n_left_out"]) == (4, 4, 0)
    assert found["auc"]["value"] == pytest.approx(0.75)
    for entry in (found["auc"], found["ap"], found["eer"], found["log_loss"], *found["tpr_at_fpr"].values()):
        assert entry["low"] <= entry["value"] <= entry["high"]
    assert list(found["tpr_at_fpr"]) == ["0.01", "0.005", "0.001"]
    assert [entry["resolved"] for entry in found["tpr_at_fpr"].values()] == [False] * 3
    groups = {
        kind: (entry["value"], entry["n_forged"], entry["seen"]) for kind, entry in found["groups"].items()
    }
    assert groups == {"swap": (pytest.approx(6.5 / 8), 2, True), "lips": (pytest.approx(5.5 / 8), 2, False)}
    figures = {"base_rates.png", "det.png", "histogram.png", "kinds.png", "reliability.png", "roc.png"}
    assert {path.name for path in out.iterdir()} == {*figures, "metrics.json"}
    printed = capsys.readouterr().out
    for said in (
        "4 genuine and 4 forged",
        "0.7500",
        "not resolved: 4 genuine clips, it takes 1,000",
        "highest true positive rate of any threshold",
        "not seen in training",
    ):
        assert said in printed


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(eight_clips: Path) -> None:
    bytes_of = {}
    for name, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        of_clips(eight_clips, "--out", str(eight_clips / name), "--seed", seed)
        bytes_of[name] = {path.name: path.read_bytes() for path in (eight_clips / name).iterdir()}
    assert bytes_of["one"] == bytes_of["two"]
    assert bytes_of["one"]["metrics.json"] != bytes_of["three"]["metrics.json"]


def test_groups_without_a_split_are_neither_seen_nor_unseen(
    eight_clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (eight_clips / "kinds.csv").write_text(
        "video_name,kind\n" + "".join(f"{name},{kind}\n" for name, _, _, kind in CLIPS)
    )
    of_clips(eight_clips, "--groups", f"{eight_clips / 'kinds.csv'}:kind")
    printed = capsys.readouterr().out
    assert "swap " in printed
    assert "seen in training" not in printed


def test_unscored_clips_are_an_error_or_are_left_out_and_counted(
    eight_clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        Score(n, None if n == "b.mp4" else p, "damaged" if n == "b.mp4" else "ok", None)
        for n, _, p, _ in CLIPS
    ]
    write_scores(eight_clips / "scores.csv", rows)
    with pytest.raises(
        InputError,
        match=r"1 of 8 rows \(7 ok; 1 not scored: 1 damaged\): 'b.mp4'.*submission.csv.*--scored-only",
    ):
        of_clips(eight_clips)
    assert of_clips(eight_clips, "--scored-only", "--out", str(eight_clips / "out")) == 0
    found = json.loads((eight_clips / "out" / "metrics.json").read_text())
    assert (found["n_genuine"], found["n_forged"], found["n_left_out"]) == (3, 4, 1)
    assert "left out for want of a score: 1" in capsys.readouterr().out


def test_names_that_do_not_pair_are_refused(eight_clips: Path) -> None:
    rows = [Score(name, p, "ok", 1.0) for name, _, p, _ in CLIPS]
    write_scores(eight_clips / "scores.csv", rows[2:])
    with pytest.raises(InputError, match=r"2 of the 8 videos .* have no row: 'a.mp4', 'b.mp4'"):
        of_clips(eight_clips, "--scored-only")
    write_scores(eight_clips / "scores.csv", [*rows, Score("z.mp4", 0.5, "ok", 1.0)])
    with pytest.raises(InputError, match=r"1 of 9 rows are not in .*: 'z.mp4'"):
        of_clips(eight_clips)


def test_one_class_and_nan_are_refused(eight_clips: Path) -> None:
    (eight_clips / "labels.csv").write_text(
        "video_name,target\n" + "".join(f"{name},1\n" for name, *_ in CLIPS)
    )
    with pytest.raises(InputError, match="0 genuine and 8 forged"):
        of_clips(eight_clips)
    (eight_clips / "submission.csv").write_text("video_name,score\na.mp4,nan\n")
    with pytest.raises(InputError, match=r"nan of 'a.mp4'"):
        of_clips(eight_clips, scores="submission.csv")


@pytest.mark.parametrize(
    ("meta", "argument", "said"),
    [
        ("video_name,kind\n", "meta.csv", "wanted FILE.csv:COLUMN"),
        ("video_name,kind\n", "meta.csv:", "wanted FILE.csv:COLUMN"),
        ("video_name,kind\na.mp4,lips\n", "meta.csv:method", "no single column 'method'"),
        ("name,kind\na.mp4,lips\n", "meta.csv:kind", "no single column 'video_name'"),
        (
            "video_name,kind\na.mp4,lips\n",
            "meta.csv:kind",
            "3 forged videos have no 'kind': 'c.mp4', 'd.mp4', 'f.mp4'",
        ),
        ("video_name,kind\na.mp4,lips\na.mp4,swap\n", "meta.csv:kind", "1 videos are listed more than once"),
        ("video_name,kind\na.mp4\n", "meta.csv:kind", "meta.csv:2: 1 fields"),
        ("", "meta.csv:kind", "is empty; wanted a CSV file of groups, with the header first"),
    ],
)
def test_unusable_groups_are_refused(eight_clips: Path, meta: str, argument: str, said: str) -> None:
    (eight_clips / "meta.csv").write_text(meta)
    with pytest.raises(InputError, match=said):
        of_clips(eight_clips, "--groups", str(eight_clips / argument))


def test_an_output_folder_that_cannot_be_made_is_refused(eight_clips: Path) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        of_clips(eight_clips, "--out", str(eight_clips / "labels.csv"))


def test_scores_stand_in_any_column(eight_clips: Path, tmp_path: Path) -> None:
    rows = [(name, p) for name, _, p, _ in CLIPS]
    (tmp_path / "one.csv").write_text("video_name,y_pred\n" + "".join(f"{name},{p}\n" for name, p in rows))
    (tmp_path / "two.csv").write_text(
        "video_name,genuine,y_pred\n" + "".join(f"{name},{1 - p},{p}\n" for name, p in rows)
    )
    labels = ("--labels", eight_clips / "labels.csv", "--resamples", 40, "--out", tmp_path / "out")

    def auc() -> float:
        return json.loads((tmp_path / "out" / "metrics.json").read_text())["auc"]["value"]

    assert run(*labels, "--scores", tmp_path / "one.csv") == 0 and auc() == pytest.approx(0.75)
    with pytest.raises(
        InputError, match=r"two\.csv:1: header 'video_name,genuine,y_pred'.*--score-column names one"
    ):
        run(*labels, "--scores", tmp_path / "two.csv")
    assert run(
        *labels, "--scores", tmp_path / "two.csv", "--score-column", "y_pred"
    ) == 0 and auc() == pytest.approx(0.75)
