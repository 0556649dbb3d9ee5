"""SIGKILL at any moment, SIGTERM at any moment: run it again, and the result is that of a run left alone.

The programs run in forks of this process, which has imported everything already: what is killed is the real
main function.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from programs import CONFIG, finish, start

import predict
import train
from telltale import models
from telltale.models import checkpoint
from telltale.predict import prediction as prediction_module
from telltale.train import training as training_module


def training(data: Path, out: Path, *more: str) -> Callable[[], int]:
    return lambda: train.train(
        train.arguments(["--config", CONFIG, "--data", str(data), "--out", str(out), *more])
    )


def prediction(run: Path, videos: Path, out: Path) -> Callable[[], int]:
    given = [
        "--checkpoint",
        str(run / "best.pt"),
        "--videos",
        str(videos),
        "--out",
        str(out),
        "--set",
        "predict.batch_size=2",
    ]
    return lambda: predict.predict(predict.arguments(given))


def wait_for_rows(process: multiprocessing.Process, out: Path) -> None:
    """Wait until the prediction that writes `out` has journalled a batch."""
    journal = out.with_name(f"{out.name}.journal")
    while process.is_alive() and not (journal.exists() and len(journal.read_bytes().splitlines()) > 1):
        time.sleep(0.005)


@pytest.fixture(scope="module")
def alone(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run left alone, and how long it took."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    began = time.monotonic()
    assert finish(training(tiny, folder)) == 0
    return folder, time.monotonic() - began


def same_weights(one: Path, other: Path) -> None:
    for name in ("best.pt", "last.pt"):
        a, b = checkpoint.load(one / name)["model"], checkpoint.load(other / name)["model"]
        assert list(a) == list(b)
        assert all(torch.equal(a[key], b[key]) for key in a), name


def test_five_kills_of_training_leave_bit_equal_weights(
    alone: tuple[Path, float], tiny: Path, tmp_path: Path
) -> None:
    expected, seconds = alone
    rng, out = random.Random(7), tmp_path / "run"
    for _ in range(5):
        process = start(training(tiny, out, "--resume"))
        process.join(rng.uniform(0.2, 0.7) * seconds)
        process.kill()
        process.join()
    assert finish(training(tiny, out, "--resume")) == 0
    same_weights(expected, out)
    assert (out / "validation_scores.csv").read_bytes() == (expected / "validation_scores.csv").read_bytes()


def test_ten_kills_of_prediction_leave_an_identical_submission(
    alone: tuple[Path, float], tiny: Path, tmp_path: Path
) -> None:
    run, _ = alone
    began = time.monotonic()
    assert finish(prediction(run, tiny / "test", tmp_path / "whole" / "submission.csv")) == 0
    seconds = time.monotonic() - began
    rng, out = random.Random(11), tmp_path / "killed" / "submission.csv"
    for kill in range(10):
        process = start(prediction(run, tiny / "test", out))
        if kill == 0:
            wait_for_rows(
                process, out
            )  # one kill is sure to come in the middle, the others come at any moment
        else:
            process.join(rng.uniform(0.1, 0.9) * seconds)
        if process.exitcode == 0:
            out.unlink()  # it came to its end before the kill: begin anew
        process.kill()
        process.join()
        assert kill > 0 or not out.exists()
    assert finish(prediction(run, tiny / "test", out)) == 0
    for name in ("submission.csv", "scores.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (out.parent / name).read_bytes()
    assert not list(out.parent.glob("*.journal"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals,
    alone: tuple[Path, float],
    tiny: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
) -> None:
    expected, _ = alone
    out = tmp_path / "run"
    process = start(training(tiny, out))
    while not (out / "last.pt").exists() and process.is_alive():
        time.sleep(0.05)
    os.kill(process.pid or 0, number)
    process.join(60)
    assert process.exitcode == 128 + number
    assert "--resume" in capfd.readouterr().err
    assert finish(training(tiny, out, "--resume")) == 0
    same_weights(expected, out)


def hold(module: object, name: str, reached: Path) -> Callable[[pytest.MonkeyPatch], None]:
    """In the process that is started next, `module.name` says that it was reached and comes to no end."""

    def held(*_: object, **__: object) -> None:
        reached.touch()
        time.sleep(60)

    return lambda monkeypatch: monkeypatch.setattr(module, name, held)


def wait_until(reached: Path, process: multiprocessing.Process) -> None:
    while process.is_alive() and not reached.exists():
        time.sleep(0.005)
    assert reached.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("verb", ["train", "predict"])
def test_a_signal_before_the_first_step_ends_the_program_at_once(
    verb: str,
    number: signal.Signals,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    out, reached = tmp_path / "out", tmp_path / "reached"
    out.mkdir()
    (tmp_path / "best.pt").write_bytes(checkpoint.MAGIC)
    hold(*((models, "build") if verb == "train" else (prediction_module, "read")), reached)(monkeypatch)
    program = (
        training(tiny, out)
        if verb == "train"
        else prediction(tmp_path, tiny / "test", out / "submission.csv")
    )
    process = start(program)
    wait_until(reached, process)
    os.kill(process.pid or 0, number)
    process.join(30)
    assert process.exitcode == 128 + number
    assert f"stopped by {number.name}; its first step had not begun" in capfd.readouterr().err
    assert not list(out.iterdir())


def test_a_signal_before_anything_was_saved_says_so(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    """The folder is begun by then: only with --resume does the same command go on."""
    out, reached = tmp_path / "run", tmp_path / "reached"
    hold(training_module, "fit", reached)(monkeypatch)
    process = start(training(tiny, out))
    wait_until(reached, process)
    os.kill(process.pid or 0, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 128 + signal.SIGINT
    assert "--resume (nothing was saved yet)" in capfd.readouterr().err
    assert (out / "config.yaml").exists() and not list(out.glob(".*"))


def test_a_second_signal_kills_while_the_first_is_being_answered(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, reached = tmp_path / "run", tmp_path / "reached"
    hold(checkpoint, "save", reached)(monkeypatch)
    process = start(training(tiny, out))
    wait_until(reached, process)
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(0.5)
    assert process.is_alive()  # a step had been made: the first signal waits for what is being saved
    os.kill(process.pid or 0, signal.SIGINT)
    process.join(30)
    assert process.exitcode == -signal.SIGINT


def test_a_signal_during_prediction_keeps_its_rows(
    alone: tuple[Path, float], tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.csv"
    process = start(prediction(alone[0], tiny / "test", out))
    wait_for_rows(process, out)
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM
    assert finish(prediction(alone[0], tiny / "test", out)) == 0
    assert len(out.read_text().splitlines()) == 11
