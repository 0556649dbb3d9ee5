"""Where the time went: every second of the main process has one name, and a clip's parts are means over
clips."""

import json
import time
from pathlib import Path

import pytest

from telltale import STARTED
from telltale.data.batch import SampleInfo
from telltale.data.clip import Cost
from telltale.predict.profile import Profile


def info(number: int) -> SampleInfo:
    cost = Cost(1000 * number, 0.001, 0.02 * number, 0.005, mel_seconds=0.002, done_at=time.perf_counter())
    return SampleInfo(number, f"{number}.mp4", 1.0, "ok", cost=cost)


def test_the_parts_add_up(tmp_path: Path):
    profile = Profile()
    assert profile.summary()["start_up_seconds"] is None
    profile.decoded([info(1), info(2)])
    time.sleep(0.05)
    profile.did("model")
    profile.decoded([info(3)])
    profile.did("writing")
    profile.write(tmp_path / "p.json")
    found = json.loads((tmp_path / "p.json").read_text())
    assert sum(found["main_seconds"].values()) == pytest.approx(found["wall_seconds"])
    assert found["main_seconds"]["model"] >= 0.05
    assert found["start_up_seconds"] <= found["ready_seconds"] == found["main_seconds"]["start-up"]
    assert found["clips"] == 3 and found["bytes_per_clip"] == 2000
    assert found["clip_milliseconds"]["picture"] == pytest.approx(40) and found["clip_milliseconds"][
        "mel"
    ] == pytest.approx(2)
    assert found["clips_per_second"] == pytest.approx(3 / (found["wall_seconds"] - found["ready_seconds"]))


def test_start_up_ends_when_the_first_batch_is_decoded_not_when_it_is_asked_for():
    profile, first = Profile(), info(1)
    time.sleep(0.05)
    profile.decoded([first])
    assert profile.start_up_seconds == first.cost.done_at - STARTED
    assert profile.ready_seconds is not None and profile.ready_seconds >= profile.start_up_seconds + 0.05


def test_people_get_a_table():
    profile = Profile()
    profile.decoded([info(1)])
    text = profile.table()
    for name in (
        "start-up",
        "waiting for clips",
        "model",
        "picture",
        "sound",
        "mel",
        "bytes read",
        "first batch was decoded",
    ):
        assert name in text
