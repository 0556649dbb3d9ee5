"""The same programs under torchrun: two processes train one model, and predict every row once."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import CONFIG, do_predict

from telltale.competition import audit_record
from telltale.runtime import programs
from telltale.scores import sidecar
from telltale.scores.table import read_scores

ROOT = Path(__file__).resolve().parents[2]


def in_two(command: list[str]) -> str:
    """Run a command of torchrun's on this machine; its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_two_processes_train_and_predict(tiny: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "--config", CONFIG, "--data", tiny, "--out", run, "--set", "optim.epochs=1")
    said = in_two(programs.several(2, programs.telltale(*words)))
    assert said.count("epoch 1: ") == 1  # one process speaks
    with (run / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert int(row["validation_unscored"]) == 0
    assert len(read_scores(run / "validation_scores.csv")) == 8

    out = tmp_path / "two" / "submission.csv"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    in_two(
        [
            *torchrun,
            "predict.py",
            "--checkpoint",
            str(run / "best.pt"),
            "--videos",
            str(tiny / "test"),
            "--out",
            str(out),
        ]
    )
    do_predict(run, tiny / "test", tmp_path / "one" / "submission.csv")
    two, one = read_scores(out), read_scores(tmp_path / "one" / "submission.csv")
    assert list(two) == list(one)
    for name in one:
        assert two[name].fake_probability == pytest.approx(one[name].fake_probability, abs=1e-5)
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "scores.csv",
        "scores.json",
        "submission.csv",
    ]
    assert sidecar.check(out.with_name("scores.csv")).world == 2
    assert sidecar.check(run / "validation_scores.csv").world == 1  # scored once more, by one process
    # Each process watched itself, and one wrote down what both saw.
    audit = audit_record.read(run / "audit.json")
    assert audit.passed is True and set(audit_record.OF_THE_RUN) < {
        finding.rule for finding in audit.findings
    }
