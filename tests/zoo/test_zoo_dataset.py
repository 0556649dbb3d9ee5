"""A whole zoo: equal bytes whatever the workers, what meta.csv says, what is held out, the command."""

import argparse
import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from telltale.cli import demo_data
from telltale.demo.dataset import CONTENTS, write_dataset
from telltale.demo.encode import Coding
from telltale.demo.plan import GENUINE, draw_plan
from telltale.errors import InputError
from telltale.zoo import dataset, training
from telltale.zoo.dataset import ZooSpec
from telltale.zoo.generator import NAMES
from telltale.zoo.nuisance import Nuisance
from telltale.zoo.training import draw_faces

COUNTS = {"train": 3, "validation": 2, "test": 4}
# Without trained parts and without librosa: a spawned worker would load torch, or compile, for seconds.
KINDS = "skin_smoothed,swap_hard,sound_late_or_early,sound_reordered"
HELD_OUT = "sound_reordered"
TRAINED_KINDS = "recoded_nearest,voice_trained_vocoder"


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "meta.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def spec() -> ZooSpec:
    return ZooSpec(COUNTS, 3, seconds=0.7, size=64, kinds=KINDS, hold_out=HELD_OUT)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("zoo") / "data"
    write_dataset(out, spec(), workers=1)
    return out


def test_the_bytes_do_not_depend_on_the_workers(zoo: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "two", spec(), workers=2)
    assert contents(tmp_path / "two") == contents(zoo)
    assert {path.name for path in zoo.iterdir()} == CONTENTS


def few_faces(seed: int, groups: int) -> training.Faces:
    return draw_faces(seed, 1, people=2, frames=4)


def test_the_bytes_of_clips_with_trained_parts_are_repeatable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever numbers the process has drawn, and however many threads it uses."""
    monkeypatch.setattr(dataset, "VOICES", 3)
    monkeypatch.setattr(training, "draw_faces", few_faces)
    threads = torch.get_num_threads()
    counts = {"train": 3, "validation": 2, "test": 2}
    small = ZooSpec(counts, 3, 0.7, 64, kinds=TRAINED_KINDS, hold_out="none", training_steps=2)
    write_dataset(tmp_path / "one", small, workers=1)
    try:
        torch.set_num_threads(2)
        torch.manual_seed(99)
        write_dataset(tmp_path / "two", small, workers=1)
    finally:
        torch.set_num_threads(threads)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert {path.name for path in (tmp_path / "one").iterdir()} == CONTENTS
    assert {row["kind"] for row in rows(tmp_path / "one")} == {GENUINE, *TRAINED_KINDS.split(",")}


def test_the_trained_generators_do_not_depend_on_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the pool, because processes that load torch take seconds. It does the last job
    first, so a job that used what another has drawn would show."""

    class Pool:
        def __init__(self, workers: int, mp_context: object) -> None:
            assert workers == 2

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *raised: object) -> None:
            pass

        def map(self, job: Callable[..., object], *columns: list[object]) -> list[object]:
            torch.manual_seed(99)
            return [job(*given) for given in list(zip(*columns, strict=True))[::-1]][::-1]

    monkeypatch.setattr(training, "draw_faces", few_faces)
    training.train(3, tmp_path / "one.pt", steps=2, workers=1)
    monkeypatch.setattr(training, "ProcessPoolExecutor", Pool)
    training.train(3, tmp_path / "two.pt", steps=2, workers=2)
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    assert one.keys() == two.keys() == set(NAMES)
    for name in NAMES:
        assert all(torch.equal(one[name][key], two[name][key]) for key in one[name])


def test_meta_says_what_every_clip_is(zoo: Path) -> None:
    table = rows(zoo)
    assert len(table) == sum(COUNTS.values())
    first = "video_name split target kind family picture_kind sound_kind identity donor seconds held_out"
    assert list(table[0]) == [*first.split(), *Nuisance.__dataclass_fields__]
    for row in table:
        assert (row["kind"] == GENUINE) == (row["target"] == "0") == (row["family"] == GENUINE)
        assert bool(row["picture_kind"] or row["sound_kind"]) == (row["target"] == "1")
        assert row["held_out"] == str(int(row["kind"] == HELD_OUT))
        assert row["split"] == "test" or row["held_out"] == "0"
        with av.open(str(zoo / row["split"] / row["video_name"])) as file:
            assert file.streams.video[0].average_rate == pytest.approx(float(row["frame_rate"]), rel=1e-4)
            assert file.streams.audio[0].codec_context.name[:3] in row["sound_codec"]


def test_identities_and_families_do_not_cross_splits() -> None:
    plans = ZooSpec({"train": 120, "validation": 60, "test": 200}, 5, 3.0, 64).plans()
    people = {
        split: {plan.identity for plan in plans if plan.split == split}
        | {plan.donor for plan in plans if plan.split == split and plan.donor is not None}
        for split in ("train", "validation", "test")
    }
    assert not people["train"] & people["validation"] | people["train"] & people["test"]
    held = {plan.family for plan in plans if plan.held_out} - {"combined"}
    assert len(held) >= 8
    assert not held & {plan.family for plan in plans if plan.split != "test"}
    counts = [sum(p.kind == kind for p in plans if p.split == "test") for kind in {p.kind for p in plans}]
    assert sorted(counts)[-2] <= 2 and sum(p.target == 0 for p in plans) == 40 + 20 + 67


def test_the_demo_is_as_it_was() -> None:
    plans = draw_plan({"train": 20, "validation": 5, "test": 20}, seed=1, frames=(62, 88))
    text = "\n".join(f"{p.video_name} {p.kind} {p.identity} {p.donor} {p.frames}" for p in plans)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "8deeab7c51f839d4"
    assert Coding(1) == Coding(1, 25, "veryfast", 1000, "libmp3lame", 128_000)


def test_the_command_lists_kinds_and_refuses_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    demo_data.add_arguments(parser)
    assert demo_data.run(parser.parse_args(["--list-kinds"])) == 0
    assert "swap_poisson" in capsys.readouterr().out
    for line, word in (
        ("", "--out is missing"),
        ("--out d --hold-out half", "--kinds zoo"),
        ("--out d --kinds face_swp", "did you mean face_swap"),
        ("--out d --kinds zoo --seconds 0.6", "wanted 0.7 or more for a zoo"),
    ):
        with pytest.raises(InputError, match=word):
            demo_data.run(parser.parse_args(line.split()))


def test_lengths_do_not_tell_genuine_from_forged() -> None:
    """Each class has its lengths evenly over the same range, so chance cannot make one longer."""
    spec = ZooSpec({"train": 120, "validation": 30, "test": 30}, 5, 3.0, 64, hold_out="none")
    plans = [plan for plan in spec.plans() if plan.split == "train"]
    genuine, forged = ([plan.seconds for plan in plans if plan.target == target] for target in (0, 1))
    for share in (0.1, 0.5, 0.9):
        assert abs(np.quantile(genuine, share) - np.quantile(forged, share)) < 0.04
