"""`telltale plan`: measured by the real loops, in proportion to the clips, refused where nothing can be
read."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from telltale.cli import main
from telltale.runtime.memory import PeakMemory, tree_bytes

TINY = Path(__file__).parents[1] / "worlds" / "tiny.yaml"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("telltale.train.planning.SECONDS", 0.2)


def test_a_plan_has_time_disk_and_memory(tiny: Path, capsys):
    found = []
    for videos in (1_000, 2_000):
        assert (
            main(
                [
                    "plan",
                    "--videos",
                    str(videos),
                    "--config",
                    str(TINY),
                    "--clips",
                    str(tiny / "train"),
                    "--json",
                ]
            )
            == 0
        )
        found.append(json.loads(capsys.readouterr().out))
    for one in found:
        clip = one["clip"]
        assert (
            one["predict_seconds"] == clip["start_up_seconds"] + one["videos"] * clip["predict_clip_seconds"]
        )
        assert (
            one["train_seconds"] == 2 * one["epoch_seconds"] == 2 * one["videos"] * clip["train_clip_seconds"]
        )
        # 2 pictures of 48 x 48 and a second of sound at 16 kHz; demo clips may be a little shorter.
        assert one["store_bytes"] == pytest.approx(one["videos"] * (2 * 48 * 48 * 3 + 4 * 16_000), rel=0.1)
        assert one["jpeg_store_bytes"] < one["store_bytes"]
        assert min(clip["predict_memory_bytes"], clip["train_memory_bytes"]) > 50e6
        assert all(
            clip[name] > 0
            for name in ("decode_clip_seconds", "predict_clip_seconds", "train_clip_seconds", "file_bytes")
        )


def test_people_get_a_table(tiny: Path, capsys):
    assert main(["plan", "--videos", "178000", "--config", str(TINY), "--clips", str(tiny / "train")]) == 0
    text = capsys.readouterr().out
    assert (
        "178,000 clips" in text
        and "predict.py" in text
        and "telltale cache build" in text
        and "of memory" in text
    )


def test_without_clips_some_are_drawn(monkeypatch, capsys):
    monkeypatch.setattr("telltale.cli.plan.SYNTHETIC_SECONDS", 1.2)
    monkeypatch.setattr("telltale.cli.plan.SYNTHETIC_SIDE", 64)
    assert main(["plan", "--videos", "10", "--config", str(TINY)]) == 0
    assert "measured on 10 drawn clips, 64 px, 1.2 s; " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--videos", "0", "--clips", "."], "wanted 1 clip or more"),
        (["--videos", "5", "--clips", "nowhere"], "wanted a folder of videos"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, wanted, capsys):
    assert main(["plan", "--config", str(TINY), *arguments]) == 2
    assert wanted in capsys.readouterr().err


def test_clips_that_the_model_cannot_read_are_refused(tmp_path, capsys):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert main(["plan", "--videos", "5", "--config", str(TINY), "--clips", str(tmp_path)]) == 2
    assert "not one of 1 clips can be read" in capsys.readouterr().err


def test_memory_is_that_of_the_whole_tree():
    hold = "import time; held = bytearray(80_000_000); print('held', flush=True); time.sleep(60)"
    nest = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with PeakMemory() as memory:
        before = tree_bytes()
        child = subprocess.Popen([sys.executable, "-c", nest], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.6)
        assert tree_bytes() > before + 70e6
        subprocess.run(["pkill", "-P", str(child.pid)], check=True)
        child.wait()
    assert memory.peak_bytes > before + 70e6
    assert tree_bytes() < before + 40e6
