"""`telltale evaluate`: its three forms, their options, and what does not go together."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
from score_files import CLIPS

from telltale.cli import evaluate
from telltale.errors import InputError


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


def test_the_calculator_needs_no_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--base-rates", 0.9, 0.1, "--base-rate", 0.1, 0.0001) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert ["10", "%", "50.00", "%", "2.0"] in lines
    assert ["0.01", "%", "0.08993", "%", "1,112.0"] in lines
    run("--base-rates", 0, 0)
    assert capsys.readouterr().out.count("nothing flagged") == 8
    run("--base-rates", 0, 0.5)
    assert capsys.readouterr().out.count("no flag true") == 8


def test_score_files_of_the_sok_from_the_command_line(
    eight_clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (eight_clips / "protocol.txt").write_text(
        "".join(f"{name} {('bonafide', 'spoof')[t]}\n" for name, t, _, _ in CLIPS)
    )
    lines = "".join(f"{name} - {int(p < 0.5)} [{p}, {1 - p:.1f}]\n" for name, _, p, _ in CLIPS)
    (eight_clips / "sok.txt").write_text(lines)
    given = ["--sok", eight_clips / "sok.txt", "--protocol", eight_clips / "protocol.txt"]
    with pytest.raises(InputError, match=r"AUC 0.7500 if it is p0, 0.2500 if it is p1"):
        run(*given)
    assert run(*given, "--forged-column", 0, "--resamples", 5, "--out", eight_clips / "out") == 0
    assert "by its own decisions (pred): TP 3, FP 1, TN 3, FN 1" in capsys.readouterr().out
    assert json.loads((eight_clips / "out/metrics.json").read_text())["sok"]["decision"]["tp"] == 3


def test_every_option_reaches_the_evaluation(eight_clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (eight_clips / "flat.csv").write_text(
        "video_name,score\n" + "".join(f"{name},0.5\n" for name, *_ in CLIPS)
    )
    (eight_clips / "valid_labels.csv").write_text(
        "video_name,target\n" + "".join(f"v{name},{t}\n" for name, t, _, _ in CLIPS)
    )
    (eight_clips / "valid.csv").write_text(
        "video_name,score\n" + "".join(f"v{name},{p}\n" for name, _, p, _ in CLIPS)
    )
    labels = ["--labels", eight_clips / "labels.csv", "--resamples", 5]
    run(
        *labels,
        "--scores",
        eight_clips / "scores.csv",
        eight_clips / "flat.csv",
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
        eight_clips / "valid.csv",
        "--choose-labels",
        eight_clips / "valid_labels.csv",
        "--choose",
        "youden",
    ]
    run(*labels, "--scores", eight_clips / "scores.csv", "--by-status", *choose)
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
        run(*given)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, telltale.cli.evaluate; print(sorted({'numpy', 'sklearn', 'matplotlib', 'pandas'} & "
        "set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
