"""The measurements themselves: ratios the right way round, peers that do what they say, every row from a real
run.

`make test` has all but moviepy, which `make bench` installs; tests that need it are marked `peers`, and `make
bench` runs them.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from decode_clips import wave_of

from bench import programs
from bench.__main__ import main
from bench.measure import Row, in_turns, write
from bench.peers import FRAMES, SIDE, AudioBaseline, bare, decord_both, missing
from telltale import config
from telltale.data.mel import log_mel
from telltale.decode.container import Limits
from telltale.decode.sound import Wave

LIMITS = Limits(10**8, 10**5)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a", 0.59, 0.6), True),
        (Row("a", 0.61, 0.6), False),
        (Row("a", 8.1, 8.0, at_least=True), True),
        (Row("a", 7.9, 8.0, at_least=True), False),
        (Row("a", 1.0, None), None),
    ],
)
def test_met_looks_the_right_way(row: Row, met: bool | None, tmp_path: Path):
    assert row.met is met
    assert ("MISSED" in row.line()) == (met is False)
    write([row], tmp_path / "results.json")
    (found,) = json.loads((tmp_path / "results.json").read_text())
    assert {"name", "ratio", "target", "met"} <= found.keys() and found["met"] is met


def test_a_part_measured_again_replaces_its_own_rows_only(tmp_path: Path):
    write([Row("a", 1.0, None), Row("b", 2.0, None)], tmp_path / "r.json")
    write([Row("b", 3.0, None)], tmp_path / "r.json")
    assert {row["name"]: row["ratio"] for row in json.loads((tmp_path / "r.json").read_text())} == {
        "a": 1.0,
        "b": 3.0,
    }


def test_ways_are_taken_in_turns():
    seen: list[str] = []
    taken = in_turns(
        {"one": lambda path: seen.append("1"), "two": lambda path: seen.append("2")},
        [Path("a"), Path("b")],
        2,
    )
    assert "".join(seen) == "12121212"
    assert {name: len(values) for name, values in taken.items()} == {"one": 2, "two": 2}


def test_the_other_decoders_do_what_they_say(tiny: Path):
    path = sorted((tiny / "train").glob("*.mp4"))[0]
    pictures, sound = decord_both(path)
    wave = wave_of(path, 0.0, 60.0, rate_hz=16_000)
    assert pictures.shape == (FRAMES, SIDE, SIDE, 3)
    assert isinstance(wave, Wave) and sound is not None and abs(sound.shape[-1] - len(wave.samples)) < 2000
    assert bare(path) >= bare(path, "NONREF") > 0


@pytest.mark.peers
def test_the_published_baseline_does_what_it_says(tiny: Path, tmp_path: Path):
    path = sorted((tiny / "train").glob("*.mp4"))[0]
    wave = wave_of(path, 0.0, 60.0, rate_hz=16_000)
    assert isinstance(wave, Wave)
    assert missing() is None
    peer = AudioBaseline(tmp_path)
    probability = peer(path)
    assert probability is not None and 0 < probability < 1
    assert peer.picture.stat().st_size > 1000
    assert peer.sound.stat().st_size == pytest.approx(44 + 4 * 44_100 * len(wave.samples) / 16_000, rel=0.1)


def test_the_published_picture_is_a_mel_image(tiny: Path, tmp_path: Path):
    import cv2

    wave = wave_of(sorted((tiny / "train").glob("*.mp4"))[0], 0.0, 60.0, rate_hz=16_000)
    assert isinstance(wave, Wave)
    peer = AudioBaseline(tmp_path)
    peer.write_picture(wave.samples, 16_000)
    theirs = cv2.imread(str(peer.picture), cv2.IMREAD_GRAYSCALE).astype(float)
    settings = config.MelSettings(n_fft=2048, hop_length=512, fmin_hz=0.0)
    ours = cv2.resize(log_mel(wave.samples, settings, len(wave.samples) / 16_000), (256, 256)).astype(float)
    assert np.corrcoef(ours.clip(ours.max() - 80).ravel(), theirs.ravel())[0, 1] > 0.99


def test_rows_of_programs_are_worked_out_from_their_profiles():
    def one(seconds: float, memory: float) -> dict:
        return {"seconds": seconds, "ready_seconds": 10.0, "memory": memory, "clips_per_second": 50.0}

    found = {"few": [one(12.0, 1e9)], "many": [one(26.0, 1.05e9)], "sounding": [one(30.0, 1e9)]}
    times, growth, memory = programs._predict_rows(found, np.array([300.0]), 100, 800)
    assert (times.ratio, times.met) == (300 / 20.0, True)
    assert (growth.ratio, growth.met) == (8.0, True)
    assert (round(memory.ratio, 6), memory.met) == (1.05, True)
    rest = programs._predict_rows(found, np.array([]), 100, 800)
    assert rest == [growth, memory]


def test_every_row_comes_from_a_quick_run(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["--clips", str(tiny), "--quick", "--out", str(tmp_path / "results.json")]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    printed, absent = capsys.readouterr(), missing()
    assert len(printed.out.splitlines()) == len(rows)
    assert printed.err.count("moviepy is absent") == (absent is not None)
    targets = {row["name"]: (row["target"], row["at_least"]) for row in rows if row["target"] is not None}
    at_most, at_least = [0.08, 0.3, 0.5, 0.6, 0.95, 1.1, 8.0, 8.2], [0.9] if absent else [0.9, 8.0]
    assert sorted(target for target, up in targets.values() if not up) == at_most
    assert sorted(target for target, up in targets.values() if up) == at_least
    assert all(row["ratio"] > 0 for row in rows)
