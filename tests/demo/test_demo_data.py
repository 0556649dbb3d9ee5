"""The demo data set: its layout, equal bytes for equal seeds, correct labels, no shortcuts."""

import argparse
import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from telltale.cli import demo_data
from telltale.data.manifest import read_labels, read_names
from telltale.data.videos import rows_of
from telltale.demo import dataset, forge_sound
from telltale.demo.clip import forge, person
from telltale.demo.dataset import DatasetSpec, write_dataset
from telltale.demo.identity import draw_scene
from telltale.demo.motion import move
from telltale.demo.plan import GENUINE, SEEN_KINDS, UNSEEN_KINDS, ClipPlan, draw_plan
from telltale.demo.render import render
from telltale.demo.speech import RATE_HZ, speak
from telltale.errors import InputError

COUNTS = {"train": 8, "validation": 5, "test": 12}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "data"
    write_dataset(out, DatasetSpec(COUNTS, seed=4, seconds=1.2, size=96), workers=1)
    return out


def meta(root: Path) -> list[dict[str, str]]:
    with (root / "meta.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_the_layout_is_that_of_the_competition(demo: Path) -> None:
    rows = meta(demo)
    assert {path.name for path in demo.iterdir()} == dataset.CONTENTS
    for split, count in COUNTS.items():
        labels = read_labels(demo / f"{split}_labels.csv")
        assert len(labels) == count and sorted(labels) == [
            row.video_name for row in rows_of([demo / split]).rows
        ]
        assert labels == {row["video_name"]: int(row["target"]) for row in rows if row["split"] == split}
        assert set(labels.values()) == {0, 1}
    assert list(read_names(demo / "test_template.csv")) == list(read_labels(demo / "test_labels.csv"))
    assert all((row["kind"] == GENUINE) == (row["target"] == "0") for row in rows)


def test_the_test_split_has_unseen_kinds_and_other_people(demo: Path) -> None:
    kinds, people = defaultdict(set), defaultdict(set)
    for row in meta(demo):
        kinds[row["split"]].add(row["kind"])
        people[row["split"]] |= {row["identity"], row["donor"]} - {""}
        assert row["donor"] != row["identity"]
    assert kinds["train"] == {GENUINE, *SEEN_KINDS}
    assert kinds["test"] == {GENUINE, *SEEN_KINDS, *UNSEEN_KINDS}
    assert (
        not people["train"] & people["validation"]
        and not (people["train"] | people["validation"]) & people["test"]
    )


def test_all_clips_are_encoded_alike(demo: Path) -> None:
    for row in meta(demo):
        with av.open(str(demo / row["split"] / row["video_name"])) as container:
            video, sound = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.name, video.codec_context.pix_fmt, video.width, video.height) == (
                "h264",
                "yuv420p",
                96,
                96,
            )
            assert sound.codec_context.name in ("mp3", "mp3float") and (sound.rate, sound.channels) == (
                44_100,
                2,
            )
            assert float(video.duration * video.time_base) == pytest.approx(float(row["seconds"]))
            assert float(sound.duration * sound.time_base) == pytest.approx(float(row["seconds"]), abs=0.06)
            assert sum(packet.is_keyframe for packet in container.demux(video) if packet.size) == 1


def test_a_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    counts = dict.fromkeys(COUNTS, 2)
    for name, seed, workers in (("one", 9, 1), ("two", 9, 2), ("other", 10, 1)):
        write_dataset(tmp_path / name, DatasetSpec(counts, seed, seconds=0.6, size=64), workers=workers)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert not set(contents(tmp_path / "one").values()) & {
        v for k, v in contents(tmp_path / "other").items() if k.endswith(".mp4")
    }


@pytest.fixture(scope="module")
def versions() -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """The same clip, genuine or forged in a given way: pictures (T, S, S, 3) and samples."""
    made: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def version(kind: str) -> tuple[np.ndarray, np.ndarray]:
        if kind not in made:
            made[kind] = forge(ClipPlan("train", 3, "x.mp4", kind, 5, 6, 30), seed=2, size=96)
        return made[kind]

    return version


@pytest.mark.parametrize("kind", SEEN_KINDS + UNSEEN_KINDS)
def test_a_forgery_changes_only_picture_or_sound_as_its_kind_says(kind: str, versions: Callable) -> None:
    (pixels, samples), (genuine_pixels, genuine_samples) = versions(kind), versions(GENUINE)
    assert pixels.shape == genuine_pixels.shape == (30, 96, 96, 3) and pixels.dtype == np.uint8
    assert samples.shape == genuine_samples.shape and np.abs(samples).max() < 1
    changes_sound = kind.startswith(("voice", "sound")) or kind == "mouth_regenerated"
    changes_picture = not kind.startswith(("voice", "sound"))
    assert np.array_equal(samples, genuine_samples) != changes_sound
    moved = np.abs(pixels.astype(int) - genuine_pixels).mean(axis=(0, 3))
    assert (moved.max() > 4) == changes_picture
    assert moved[:12, :12].max() == 0 and moved[:12, -12:].max() == 0  # the background does not change


def test_shifted_sound_is_the_same_speech_at_another_time_without_a_gap(versions: Callable) -> None:
    long = [ClipPlan("train", 3, "x.mp4", kind, 5, None, 75) for kind in (GENUINE, "sound_shifted")]
    (_, genuine), (_, shifted) = (forge(plan, seed=2, size=64) for plan in long)
    spectra = [np.fft.rfft(sound, 2 * len(genuine)) for sound in (genuine, shifted)]
    lag = int(np.argmax(np.fft.irfft(spectra[0] * spectra[1].conj())))
    lag_seconds = (lag if lag < len(genuine) else lag - 2 * len(genuine)) / RATE_HZ
    assert 0.3 <= abs(lag_seconds) <= 0.8
    for sound in (shifted[: RATE_HZ // 5], shifted[-RATE_HZ // 5 :]):
        # There is noise at both ends, not digital silence.
        assert np.abs(np.diff(sound)).min() >= 0 and sound.std() > 1e-4


def test_mouth_follows_the_sound() -> None:
    """If the head does not move, the picture changes with the loudness of the speech, without a delay."""
    rng, identity, times = np.random.default_rng(3), person(1, 3), np.arange(250) / 25
    speech = speak(rng, identity.voice, 10.0)
    motion = move(rng, speech, times)
    still = {
        name: np.zeros_like(getattr(motion, name))
        for name in ("shift", "roll", "turn", "blink", "gaze", "brow")
    }
    pixels = render(
        replace(identity, beard=0.0), draw_scene(rng), replace(motion, **still, zoom=np.ones(250)), 96
    ).pixels
    closed = pixels[int(np.argmin(motion.lips[:, 0]))].astype(int)
    opened = np.abs(pixels - closed).mean(axis=(1, 2, 3))
    envelope = np.abs(speech.samples[: 250 * 882]).reshape(250, -1).mean(axis=1)

    def agreement(delay: int) -> float:
        return float(np.corrcoef(opened[25:-25], np.roll(envelope, delay)[25:-25])[0, 1])

    assert agreement(0) > 0.5
    assert max(range(-15, 16), key=agreement) in (-1, 0, 1, 2)


def test_a_converted_voice_is_higher_or_lower_at_the_same_times() -> None:
    samples = (0.2 * np.sin(2 * np.pi * 400 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    samples[RATE_HZ:] *= 0.02
    for seed in range(4):
        out = forge_sound.convert_voice(np.random.default_rng(seed), samples)
        hertz = np.argmax(np.abs(np.fft.rfft(out[:RATE_HZ])))  # one second: bins of 1 Hz
        assert 1.15 < max(hertz / 400, 400 / hertz) < 1.45
        assert out[: int(0.97 * RATE_HZ)].std() > 10 * out[int(1.03 * RATE_HZ) :].std()
        assert out.std() == pytest.approx(samples.std(), rel=0.02)


def file_features(path: Path) -> tuple[float, ...]:
    """Bytes, seconds, seconds until the first sound, and level of the first 0.1 s."""
    with av.open(str(path)) as container:
        seconds = float(container.streams.video[0].duration * container.streams.video[0].time_base)
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).mean(
            axis=0
        )
    lead = float(np.argmax(np.abs(sound) > 0.05 * np.abs(sound).max())) / 44_100
    return path.stat().st_size, seconds, lead, float(sound[:4410].std())


def test_no_simple_feature_separates_genuine_from_forged(tmp_path: Path) -> None:
    counts = {"train": 40, "validation": 2, "test": 24}
    write_dataset(tmp_path / "d", DatasetSpec(counts, seed=1, seconds=0.8, size=64), workers=1)
    rows = meta(tmp_path / "d")
    features = np.asarray([file_features(tmp_path / "d" / row["split"] / row["video_name"]) for row in rows])
    targets = [int(row["target"]) for row in rows]
    aucs = np.asarray([roc_auc_score(targets, column) for column in features.T])
    assert np.all(np.maximum(aucs, 1 - aucs) < 0.7), aucs.round(3)


def test_kinds_and_lengths_are_spread_evenly() -> None:
    plans = draw_plan({"train": 240, "validation": 60, "test": 160}, seed=1, frames=(62, 88))
    train = [plan for plan in plans if plan.split == "train"]
    assert [sum(plan.kind == kind for plan in train) for kind in (GENUINE, *SEEN_KINDS)] == [
        80,
        40,
        40,
        40,
        40,
    ]
    for kind in (GENUINE, *SEEN_KINDS):
        frames = [plan.frames for plan in train if plan.kind == kind]
        assert 62 <= min(frames) < 64 and 86 < max(frames) <= 88 and abs(np.mean(frames) - 75) < 1
    assert len({plan.video_name for plan in plans}) == len(plans)


def test_values_and_folders_that_cannot_be_used_are_refused(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"seed": 1, "seconds": 1.0, "size": 64}
    spec = DatasetSpec(COUNTS, **good)
    for change, word in (
        ({"seed": -1}, "--seed"),
        ({"seconds": 0.1}, "--seconds"),
        ({"size": 65}, "--size"),
        ({"counts": COUNTS | {"validation": 1}}, "--validation 1"),
    ):
        with pytest.raises(InputError, match=word):
            DatasetSpec(**({"counts": COUNTS} | good | change))
    with pytest.raises(InputError, match="--workers 0"):
        write_dataset(tmp_path / "new", spec, workers=0)
    with pytest.raises(InputError, match="not empty"):
        write_dataset(demo, spec, workers=1)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"thesis\.txt"):
        write_dataset(tmp_path / "home", spec, workers=1, force=True)
    monkeypatch.setattr(dataset.shutil, "disk_usage", lambda path: argparse.Namespace(free=1_000_000))
    with pytest.raises(InputError, match="1 MB are free"):
        write_dataset(tmp_path / "new", spec, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_failure_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(plan: ClipPlan, **rest: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(dataset, "make_clip", fail)
    with pytest.raises(OSError, match="disk full"):
        write_dataset(tmp_path / "d", DatasetSpec(COUNTS, seed=1, seconds=1.0, size=64), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_replaces_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    demo_data.add_arguments(parser)
    line = f"--out {tmp_path / 'd'} --train 2 --validation 2 --test 2 --seconds 0.6 --size 64 --workers 1"
    assert demo_data.run(parser.parse_args(line.split())) == 0
    assert "6 clips of 6 people" in capsys.readouterr().out
    first = contents(tmp_path / "d")
    assert demo_data.run(parser.parse_args([*line.split(), "--force"])) == 0
    assert contents(tmp_path / "d") == first and [path.name for path in tmp_path.iterdir()] == ["d"]
