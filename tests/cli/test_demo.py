"""`telltale demo`: which commands it runs, what it leaves alone, how it stops and goes on."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telltale.cli import demo
from telltale.errors import InputError
from telltale.runtime import programs


def typed(out: Path) -> list[str]:
    return [demo.as_typed(command) for command in demo.steps(out)]


def test_a_fresh_demo_types_the_public_commands_in_order(tmp_path: Path) -> None:
    out = tmp_path / "d"
    assert typed(out) == [
        f"telltale demo-data --out {out}/data",
        f"telltale train --config demo --data {out}/data --out {out}/run",
        f"telltale predict --checkpoint {out}/run/best.pt --videos {out}/data/test"
        f" --list {out}/data/test_template.csv --out {out}/submission.csv",
        f"telltale validate-submission {out}/submission.csv --list {out}/data/test_template.csv",
        f"telltale evaluate --labels {out}/data/test_labels.csv --scores {out}/submission.csv"
        f" --groups {out}/data/meta.csv:kind --out {out}/evaluation",
    ]


def test_an_interrupted_demo_keeps_its_data_and_resumes_its_training(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/meta.csv").touch()
    (tmp_path / "run").mkdir()
    commands = typed(tmp_path)
    assert len(commands) == 4
    assert commands[0].startswith("telltale train ")
    assert commands[0].endswith("--resume")


def test_a_verb_is_found_from_any_folder_whatever_lies_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "telltale.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert programs.call(programs.telltale("--version")) == 0


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/precious.mp4").touch()
    for force in (False, True):
        with pytest.raises(InputError, match="not a demo"):
            demo.claim(tmp_path, force=force)
    assert (tmp_path / "data/precious.mp4").exists()


def test_force_deletes_an_earlier_demo_and_nothing_else(tmp_path: Path) -> None:
    demo.claim(tmp_path, force=False)
    for name in ("data", "run"):
        (tmp_path / name).mkdir()
    for name in ("submission.csv", "scores.csv", "submission.csv.journal", "notes.txt"):
        (tmp_path / name).touch()
    demo.claim(tmp_path, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [demo.MARK, "notes.txt"]


def test_it_stops_with_the_status_of_the_command_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "ran"
    fails = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(
        demo, "steps", lambda out: [fails, [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]]
    )
    assert demo.run(argparse.Namespace(out=tmp_path / "demo", force=False)) == 3
    assert not marker.exists()
    shown = capfd.readouterr()
    assert "-c 'raise SystemExit(3)'" in shown.out
    assert f"ended with status 3; `telltale demo --out {tmp_path}/demo` goes on" in shown.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_running_command_which_may_take_its_time(number: signal.Signals) -> None:
    command = (
        f"import signal, sys, time; signal.signal({int(number)}, lambda *_: (time.sleep(0.5), "
        "print('saved'), sys.exit(7)));"
        "print('ready', flush=True); time.sleep(20)"
    )
    parent = (
        f"import sys; from telltale.cli.demo import call; sys.exit(call([sys.executable, '-c', {command!r}]))"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "saved\n"
        assert process.wait(timeout=10) == 7
