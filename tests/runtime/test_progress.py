"""How far a piece of work is: a bar on a terminal, whole lines in a log file, nothing for what is short."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from telltale.metrics.resampling import bootstrap
from telltale.runtime import distributed, progress
from telltale.runtime.entry import guarded
from telltale.runtime.signals import Stopped

WORK = """
from telltale.runtime import progress
progress.EVERY_SECONDS = {seconds}
import time
shown = progress.bar(20, "epoch 1/3", "clip")
for number in range(20):
    time.sleep(0.02)
    shown.set_postfix(loss="0.5", refresh=False)
    shown.update()
    if number == 10:
        progress.say("damaged: a.mp4 is cut short")
shown.close()
for _ in progress.each(iter(range(3)), "listing train", "file"):
    time.sleep(0.05)
"""


def log(seconds: float) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", WORK.format(seconds=seconds)], capture_output=True, text=True, check=True
    )
    assert not done.stdout and "\r" not in done.stderr
    return done.stderr.splitlines()


def test_a_log_gets_whole_lines_now_and_then():
    lines = log(0.06)
    assert "damaged: a.mp4 is cut short" in lines
    told = [line for line in lines if line.startswith("epoch 1/3: ")]
    assert 2 <= len(told) < 10
    assert all(
        " of 20 (" in line and " clip/s, " in line and line.endswith(" left, loss=0.5") for line in told
    )
    assert any(line.startswith("listing train: 2 so far, ") for line in lines)


def test_a_log_gets_no_line_on_what_is_short():
    assert log(15) == ["damaged: a.mp4 is cut short"]


def test_a_terminal_gets_a_bar_that_goes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress.each([1, 2], "listing train", "file")) == [1, 2]  # too short for a bar
    assert capsys.readouterr().err == ""
    shown = progress.bar(2, "demo data", "clip")
    shown.update(2)
    shown.close()
    said = capsys.readouterr().err
    assert "demo data:" in said and not said.rpartition("\r")[2].strip()


def test_no_bar_stands_where_the_last_sentence_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def program() -> int:
        progress.bar(2, "epoch 1/3", "clip").update()
        raise Stopped(signal.SIGTERM, "go on with --resume")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert guarded(program) == 128 + signal.SIGTERM
    assert capsys.readouterr().err.rpartition("\r")[2] == "stopped by SIGTERM; go on with --resume\n"


def test_hidden_work_says_nothing(capsys: pytest.CaptureFixture):
    assert list(progress.each([1, 2], "demo data", "clip", shown=False)) == [1, 2]
    assert capsys.readouterr().err == ""


def test_nobody_else_draws_bars():
    source = Path(progress.__file__).parent.parent
    users = {
        path.name
        for path in source.rglob("*.py")
        if "tqdm(" in path.read_text() or "tqdm.write" in path.read_text()
    }
    assert users == {"progress.py"}


def test_a_run_says_where_it_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed.torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(distributed.torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    cpu, cuda = distributed.torch.device("cpu"), distributed.torch.device("cuda", 0)
    assert distributed.Process(0, 1, cpu).describe("off", 2) == "CPU, 2 threads, fp32, 1 process, 2 workers"
    assert (
        distributed.Process(0, 1, cuda).describe("bf16", 4)
        == "cuda:0 NVIDIA H200, bf16, 1 process, 4 workers"
    )
    assert (
        distributed.Process(0, 8, cuda).describe("fp16", 1)
        == "cuda:0 NVIDIA H200, fp16, 8 processes, 1 worker each"
    )


def test_resampling_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch):
    done = []
    monkeypatch.setattr(tqdm, "update", lambda _, count: done.append(count))
    bootstrap([0, 1, 0, 1], [0.1, 0.9, 0.8, 0.4], resamples=60, seed=0)
    assert done == [25, 25, 10]
