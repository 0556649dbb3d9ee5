"""Copies are grouped with their original, by picture or by sound alone, and no two other clips are."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from twins import KINDS, write_twin

from telltale.cli import main
from telltale.data import hashes, near_duplicates
from telltale.data.manifest import Row
from telltale.data.near_duplicates import Fingerprint, fingerprints, group
from telltale.data.similar_bits import BitIndex

ORIGINALS = 2


@pytest.fixture(scope="module")
def world(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fingerprint]:
    """Fingerprints of twelve clips, of the four copies of two of them, and of a file that is no clip."""
    folder = tmp_path_factory.mktemp("copies")
    clips = sorted((tiny / "train").glob("*.mp4"))[:12]
    for path in clips[:ORIGINALS]:
        for kind in KINDS:
            write_twin(path, folder / f"{kind}-{path.name}", kind)
    (folder / "broken.mp4").write_bytes(b"no clip")
    rows = [Row(path.name, path, None) for path in (*clips, *sorted(folder.iterdir()))]
    return {one.video_name: one for one in fingerprints(rows, 2, 60.0)}


def original(name: str) -> str:
    return name.rpartition("-")[2]


@pytest.mark.parametrize("without", ["nothing", "sound", "pictures"])
def test_all_four_copies_are_found_and_no_other_clips_joined(
    world: dict[str, Fingerprint], without: str
) -> None:
    prints = [one if without == "nothing" else replace(one, **{without: None}) for one in world.values()]
    groups = group(prints)
    by_group: dict[str, set[str]] = {}
    for name, own in groups.items():
        by_group.setdefault(own, set()).add(original(name))
    assert all(len(originals) == 1 for originals in by_group.values())
    assert len(by_group) == 13
    assert sorted(Counter(groups.values()).values())[-ORIGINALS:] == [5] * ORIGINALS
    assert groups == group(prints[::-1])


def test_a_clip_that_cannot_be_read_has_a_status_and_a_group_of_its_own(
    world: dict[str, Fingerprint],
) -> None:
    broken = world["broken.mp4"]
    assert (broken.status, broken.pictures, broken.sound) == ("refused", None, None)
    two = [broken, replace(broken, video_name="other.mp4")]
    assert group(two) == {"broken.mp4": "g000000", "other.mp4": "g000001"}
    assert group([]) == {}


def test_still_pictures_and_silence_are_compared_with_nothing() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (1, 40, 60, 3), np.uint8)
    assert hashes.of_pictures(np.repeat(frame, hashes.FRAMES, 0)) is None
    assert hashes.of_pictures(np.repeat(frame, 3, 0)) is None  # the rest could not be decoded
    assert hashes.of_sound(np.zeros(8000, np.float32)) is None
    assert hashes.of_sound(np.ones(8, np.float32)) is None
    sound = rng.normal(0, 0.1, 8000).astype(np.float32)
    bits = hashes.of_sound(sound)
    assert bits is not None and np.array_equal(bits, hashes.of_sound(sound * 0.5))


def test_a_mirrored_hash_is_that_of_the_mirrored_picture() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (hashes.FRAMES, 64, 64, 3), np.uint8)
    one, other = hashes.of_pictures(pixels), hashes.of_pictures(pixels[:, :, ::-1])
    assert one is not None and other is not None
    assert np.array_equal(one[0] ^ hashes.MIRROR, other[0])


def test_near_strings_are_found_and_only_those() -> None:
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, (400, 512)).astype(bool)
    bits[1] = bits[0] ^ (rng.permutation(512) < 50)  # 50 of 512 differ
    bits[3] = bits[2] ^ (rng.permutation(512) < 150)
    bits[5] = bits[4]
    packed = np.packbits(bits, axis=1)
    found = BitIndex(packed, 0.2, 512).near(packed)
    assert found.tolist() == [[0, 1], [1, 0], [4, 5], [5, 4]]


def test_the_command_writes_groups_that_folds_read(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "fingerprint", lambda path: Fingerprint(path.name, "ok", None, None))
    words = ["study", "duplicates", "--data", str(tiny), "--out", str(tmp_path / "groups.csv"), "--workers"]
    assert main([*words, "0", "--splits", "train"]) == 0
    assert "16 clips in 16 groups: 0 groups hold several clips" in capsys.readouterr().out
    with (tmp_path / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["video_name", "group", "status"] and len({row["group"] for row in rows}) == 16
    assert main([*words, "-1"]) == 2
