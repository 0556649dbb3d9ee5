"""Clips that hang or end their process: each is a status of its own, and nothing else changes."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from loader_world import Numbered, children, loader_of, note, read, soon, tidy, unharmed
from model_outputs import output_of

from telltale.errors import InputError
from telltale.models.output import Output
from telltale.predict.inference import Inference
from telltale.predict.scoring import score
from telltale.runtime.process import WorkerTrace
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch

__all__ = ["tidy"]
pytestmark = pytest.mark.usefixtures("tidy")


def test_a_clip_that_takes_too_long_is_given_up_and_no_other() -> None:
    data = Numbered(13, {5: lambda: time.sleep(600), 8: lambda: time.sleep(600)})
    loader = loader_of(data, 2, seconds=1.0)
    infos, tensors = read(loader)
    unharmed(data, infos, tensors, {5: "timeout", 8: "timeout"})
    assert len(children(os.getpid())) <= 3  # the supervisor and two workers: the late ones are gone
    assert infos[5].detail == "nowhere/5.mp4: was not read within 1 seconds (data.timeout_seconds)"
    loader.close()


def test_a_clip_that_does_not_let_go_of_the_interpreter_is_given_up_too() -> None:
    data = Numbered(6, {2: lambda: ctypes.PyDLL(None).sleep(600)})
    loader = loader_of(data, 2, seconds=1.0)
    unharmed(data, *read(loader), {2: "timeout"})
    loader.close()


@pytest.mark.parametrize(
    ("die", "how"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was ended by SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "was ended by SIGSEGV"),
        (os.abort, "was ended by SIGABRT"),
        (lambda: os._exit(3), "ended with status 3"),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_clip_that_ends_its_worker_twice_is_crashed(
    die: Callable, how: str, workers: int, tmp_path: Path
) -> None:
    data = Numbered(10, {4: lambda: (note(tmp_path / "tries", 4), faulthandler.disable(), die())})
    loader = loader_of(data, workers)
    infos, tensors = read(loader)
    unharmed(data, infos, tensors, {4: "crashed"})
    assert infos[4].detail == f"nowhere/4.mp4: the process that read it {how}, for the second time"
    assert (tmp_path / "tries").read_text().split() == ["4", "4"]
    loader.close()


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    def die_once() -> None:
        if not (tmp_path / "tries").exists():
            note(tmp_path / "tries", 1)
            os.kill(os.getpid(), signal.SIGKILL)

    data = Numbered(10, {4: die_once})
    loader = loader_of(data, 2)
    unharmed(data, *read(loader), {})
    loader.close()


def test_an_idle_worker_that_is_ended_from_outside_is_replaced() -> None:
    data = Numbered(10)
    loader = loader_of(data, 2)
    read(loader)
    for worker in children(os.getpid())[1:]:
        os.kill(worker, signal.SIGKILL)
    unharmed(data, *read(loader), {})
    loader.close()


@pytest.mark.parametrize(
    "error", [InputError("the store is full"), KeyError("a bug"), subprocess.CalledProcessError(1, "x")]
)
def test_an_exception_comes_back_with_its_traceback(error: Exception) -> None:
    def wrong() -> None:
        raise error

    loader = loader_of(Numbered(10, {6: wrong}), 2)
    with pytest.raises(type(error)) as caught:
        read(loader)
    assert str(caught.value) == str(error)
    assert isinstance(caught.value.__cause__, WorkerTrace)
    assert "in wrong" in str(caught.value.__cause__)


def test_an_exception_that_cannot_be_sent_is_told() -> None:
    class Local(Exception):
        pass

    def wrong() -> None:
        raise Local("here")

    with pytest.raises(RuntimeError, match="Local: here"):
        read(loader_of(Numbered(4, {0: wrong}), 2))


def test_a_run_that_was_stopped_for_a_while_blames_no_clip() -> None:
    """Ctrl-Z stops the workers as well: the time of the pause is not theirs."""
    data = Numbered(3, {1: lambda: time.sleep(1.0)})
    loader = loader_of(data, 1, seconds=2.0)
    loader.start()
    assert soon(lambda: len(children(os.getpid())) == 2)
    time.sleep(0.3)
    supervisor, worker = children(os.getpid())
    for pid in (supervisor, worker):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3.0)
    for pid in (supervisor, worker):
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
    unharmed(data, *read(loader), {})
    loader.close()


def test_without_its_supervisor_a_run_ends_and_so_do_the_workers() -> None:
    loader = loader_of(Numbered(12, {2: lambda: time.sleep(600)}), 2)
    loader.start()
    assert soon(lambda: len(children(os.getpid())) == 3)
    supervisor, *workers = children(os.getpid())
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="the process that directs the workers was ended by SIGKILL"):
        read(loader)
    assert soon(lambda: all(ended(pid) for pid in workers))


class Mean(torch.nn.Module):
    def forward(self, mel: torch.Tensor, **_: object) -> Output:
        return output_of(mel.mean((1, 2)))


def test_a_lost_clip_has_a_status_and_no_probability(capsys: pytest.CaptureFixture) -> None:
    data = Numbered(6, {1: lambda: time.sleep(600), 4: lambda: (faulthandler.disable(), os.abort())})
    loader = loader_of(data, 2, seconds=1.0)
    parts = score(Inference(Mean(), torch.device("cpu"), "off"), loader, SignalWatch(), bar(2, "", "", False))
    scores = [one for part in parts for one in part]
    loader.close()
    assert [(one.video_name, one.status) for one in scores if one.fake_probability is None] == [
        ("1.mp4", "timeout"),
        ("4.mp4", "crashed"),
    ]
    assert "crashed: nowhere/4.mp4" in capsys.readouterr().err


MAIN = """
import os, time
from loader_world import Numbered, loader_of
loaders = [loader_of(Numbered(40, {30: lambda: time.sleep(600)}), 2) for _ in range(2)]
rounds = [iter(loader) for loader in loaders]
for one in rounds:
    next(one)
bystander = os.fork()
if not bystander:
    time.sleep(600)
print(bystander, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_main_one(number: signal.Signals) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", MAIN], stdout=subprocess.PIPE, env=environment) as main:
        assert main.stdout is not None
        bystander = int(main.stdout.readline())  # it holds every end of a pipe that main holds
        below = [pid for pid in children(main.pid) if pid != bystander]
        assert len(below) == 6
        main.send_signal(number)
        main.wait()
    gone = soon(lambda: all(ended(pid) for pid in below))
    os.kill(bystander, signal.SIGKILL)
    assert gone


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
