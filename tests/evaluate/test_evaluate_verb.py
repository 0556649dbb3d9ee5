"""`telltale evaluate`: from two CSV files to numbers and figures; every way of not belonging together is
refused."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from telltale.cli import evaluate
from telltale.errors import InputError
from telltale.scores.score import Score, write_scores, write_submission

# By hand: AUC = (4 + 3.5 + 3 + 1.5) / 16 (tests/metrics/test_metrics.py); of "swap" (3.5 + 3) / 8, of "lips"
# (4 + 1.5) / 8.
WORLD = [
    ("a.mp4", 1, 0.9, "lips"),
    ("b.mp4", 0, 0.8, "genuine"),
    ("c.mp4", 1, 0.8, "swap"),
    ("d.mp4", 1, 0.6, "swap"),
    ("e.mp4", 0, 0.4, "genuine"),
    ("f.mp4", 1, 0.2, "lips"),
    ("g.mp4", 0, 0.2, "genuine"),
    ("h.mp4", 0, 0.1, "genuine"),
]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text(
        "video_name,target\n" + "".join(f"{n},{t}\n" for n, t, _, _ in WORLD)
    )
    rows = [Score(name, p, "ok", 1.0) for name, _, p, _ in reversed(WORLD)]  # another order: joined by name
    write_scores(tmp_path / "scores.csv", rows)
    write_submission(tmp_path / "submission.csv", rows, None)
    meta = "".join(f"{name},test,{kind}\n" for name, _, _, kind in WORLD)
    (tmp_path / "meta.csv").write_text(
        "video_name,split,kind\nt0.mp4,train,genuine\nt1.mp4,train,swap\n" + meta
    )
    return tmp_path


def run(world: Path, *arguments: str, scores: str = "scores.csv") -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    fixed = ["--labels", str(world / "labels.csv"), "--scores", str(world / scores), "--resamples", "40"]
    return evaluate.run(parser.parse_args([*fixed, *arguments]))


def verb(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("scores", ["scores.csv", "submission.csv"])
def test_metrics_and_figures(world: Path, scores: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = world / "deep" / "out"
    assert run(world, "--out", str(out), "--groups", f"{world / 'meta.csv'}:kind", scores=scores) == 0
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


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(world: Path) -> None:
    bytes_of = {}
    for name, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        run(world, "--out", str(world / name), "--seed", seed)
        bytes_of[name] = {path.name: path.read_bytes() for path in (world / name).iterdir()}
    assert bytes_of["one"] == bytes_of["two"]
    assert bytes_of["one"]["metrics.json"] != bytes_of["three"]["metrics.json"]


def test_groups_without_a_split_are_neither_seen_nor_unseen(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "kinds.csv").write_text(
        "video_name,kind\n" + "".join(f"{name},{kind}\n" for name, _, _, kind in WORLD)
    )
    run(world, "--groups", f"{world / 'kinds.csv'}:kind")
    printed = capsys.readouterr().out
    assert "swap " in printed
    assert "seen in training" not in printed


def test_unscored_clips_are_an_error_or_are_left_out_and_counted(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        Score(n, None if n == "b.mp4" else p, "damaged" if n == "b.mp4" else "ok", None)
        for n, _, p, _ in WORLD
    ]
    write_scores(world / "scores.csv", rows)
    with pytest.raises(
        InputError,
        match=r"1 of 8 rows \(7 ok; 1 not scored: 1 damaged\): 'b.mp4'.*submission.csv.*--scored-only",
    ):
        run(world)
    assert run(world, "--scored-only", "--out", str(world / "out")) == 0
    found = json.loads((world / "out" / "metrics.json").read_text())
    assert (found["n_genuine"], found["n_forged"], found["n_left_out"]) == (3, 4, 1)
    assert "left out for want of a score: 1" in capsys.readouterr().out


def test_names_that_do_not_pair_are_refused(world: Path) -> None:
    rows = [Score(name, p, "ok", 1.0) for name, _, p, _ in WORLD]
    write_scores(world / "scores.csv", rows[2:])
    with pytest.raises(InputError, match=r"2 of the 8 videos .* have no row: 'a.mp4', 'b.mp4'"):
        run(world, "--scored-only")
    write_scores(world / "scores.csv", [*rows, Score("z.mp4", 0.5, "ok", 1.0)])
    with pytest.raises(InputError, match=r"1 of 9 rows are not in .*: 'z.mp4'"):
        run(world)


def test_one_class_and_nan_are_refused(world: Path) -> None:
    (world / "labels.csv").write_text("video_name,target\n" + "".join(f"{name},1\n" for name, *_ in WORLD))
    with pytest.raises(InputError, match="0 genuine and 8 forged"):
        run(world)
    (world / "submission.csv").write_text("video_name,score\na.mp4,nan\n")
    with pytest.raises(InputError, match=r"nan of 'a.mp4'"):
        run(world, scores="submission.csv")


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
def test_unusable_groups_are_refused(world: Path, meta: str, argument: str, said: str) -> None:
    (world / "meta.csv").write_text(meta)
    with pytest.raises(InputError, match=said):
        run(world, "--groups", str(world / argument))


def test_an_output_folder_that_cannot_be_made_is_refused(world: Path) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        run(world, "--out", str(world / "labels.csv"))


def test_the_calculator_needs_no_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb("--base-rates", 0.9, 0.1, "--base-rate", 0.1, 0.0001) == 0
    printed = capsys.readouterr().out
    assert "10 %     50.00 %           2.0" in printed
    assert "0.01 %   0.08993 %       1,112.0" in printed
    verb("--base-rates", 0, 0)
    assert capsys.readouterr().out.count("nothing flagged") == 8
    verb("--base-rates", 0, 0.5)
    assert capsys.readouterr().out.count("no flag true") == 8


def test_score_files_of_the_sok_from_the_command_line(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "protocol.txt").write_text(
        "".join(f"{name} {('bonafide', 'spoof')[t]}\n" for name, t, _, _ in WORLD)
    )
    lines = "".join(f"{name} - {int(p < 0.5)} [{p}, {1 - p:.1f}]\n" for name, _, p, _ in WORLD)
    (world / "sok.txt").write_text(lines)
    given = ["--sok", world / "sok.txt", "--protocol", world / "protocol.txt"]
    with pytest.raises(InputError, match=r"AUC 0.7500 if it is p0, 0.2500 if it is p1"):
        verb(*given)
    assert verb(*given, "--forged-column", 0, "--resamples", 5, "--out", world / "out") == 0
    assert "by its own decisions (pred): TP 3, FP 1, TN 3, FN 1" in capsys.readouterr().out
    assert json.loads((world / "out/metrics.json").read_text())["sok"]["decision"]["tp"] == 3


def test_every_option_reaches_the_evaluation(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "flat.csv").write_text("video_name,score\n" + "".join(f"{name},0.5\n" for name, *_ in WORLD))
    (world / "valid_labels.csv").write_text(
        "video_name,target\n" + "".join(f"v{name},{t}\n" for name, t, _, _ in WORLD)
    )
    (world / "valid.csv").write_text(
        "video_name,score\n" + "".join(f"v{name},{p}\n" for name, _, p, _ in WORLD)
    )
    labels = ["--labels", world / "labels.csv", "--resamples", 5]
    verb(
        *labels,
        "--scores",
        world / "scores.csv",
        world / "flat.csv",
        "--intervals",
        "delong",
        "--threshold",
        0.7,
    )
    printed = capsys.readouterr().out
    assert "flat.csv less scores.csv" in printed and "DeLong's, on the logit scale" in printed
    assert "from a fake probability of 0.7 on, as stated\nTP 2, FP 1, TN 3, FN 2" in printed
    choose = [
        "--choose-on",
        world / "valid.csv",
        "--choose-labels",
        world / "valid_labels.csv",
        "--choose",
        "youden",
    ]
    verb(*labels, "--scores", world / "scores.csv", "--by-status", *choose)
    printed = capsys.readouterr().out
    assert (
        "from a fake probability of 0.6 on, chosen by youden on 4 genuine and 4 forged clips of valid.csv"
        in printed
    )
    assert "by status" in printed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "none of them given; wanted --labels and --scores, or --sok"),
        (["--labels", "l.csv"], "none of them given"),
        (["--scores", "s.csv"], "--scores without --labels"),
        (["--sok", "s.txt"], "--sok without --protocol"),
        (["--scores", "s.csv", "--sok", "s.txt"], "--scores and --sok given"),
        (["--base-rates", "1", "0", "--sok", "s.txt"], "--sok and --base-rates given"),
        (
            ["--scores", "s.csv", "--labels", "l.csv", "--forged-column", "0"],
            "--forged-column goes with --sok, not with --scores",
        ),
        (
            ["--sok", "s.txt", "--protocol", "p.txt", "--by-status"],
            "--by-status goes with --scores, not with --sok",
        ),
        (["--base-rates", "1", "0", "--labels", "l.csv"], "--labels goes with --scores"),
        (["--base-rates", "1", "0", "--out", "o"], "wanted two rates alone"),
        (["--base-rates", "1", "2"], "FPR 2.0"),
        (["--base-rates", "1", "0.1", "--base-rate", "5"], "base rate 5.0"),
        (["--scores", "s.csv", "--labels", "l.csv", "--choose", "eer"], "--choose eer without --choose-on"),
    ],
)
def test_forms_are_not_mixed(given: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        verb(*given)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, telltale.cli.evaluate; print(sorted({'numpy', 'sklearn', 'matplotlib'} & "
        "set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_scores_stand_in_any_column(world: Path, tmp_path: Path) -> None:
    rows = [(name, p) for name, _, p, _ in WORLD]
    (tmp_path / "one.csv").write_text("video_name,y_pred\n" + "".join(f"{name},{p}\n" for name, p in rows))
    (tmp_path / "two.csv").write_text(
        "video_name,genuine,y_pred\n" + "".join(f"{name},{1 - p},{p}\n" for name, p in rows)
    )
    labels = ("--labels", world / "labels.csv", "--resamples", 40, "--out", tmp_path / "out")

    def auc() -> float:
        return json.loads((tmp_path / "out" / "metrics.json").read_text())["auc"]["value"]

    assert verb(*labels, "--scores", tmp_path / "one.csv") == 0 and auc() == pytest.approx(0.75)
    with pytest.raises(
        InputError, match=r"two\.csv:1: header 'video_name,genuine,y_pred'.*--score-column names one"
    ):
        verb(*labels, "--scores", tmp_path / "two.csv")
    assert verb(
        *labels, "--scores", tmp_path / "two.csv", "--score-column", "y_pred"
    ) == 0 and auc() == pytest.approx(0.75)
