"""The decode-once store: what comes out is what went in, whoever else writes, dies or prunes."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from store_entries import SPEC, alike, entry, opened

from telltale import config
from telltale.data import shard_index
from telltale.data.clip import View, read_clip
from telltale.data.shards import EntryKey, PackedFiles
from telltale.data.store import StoredClip, pack, spec_fingerprint, unpack
from telltale.errors import InputError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"some video")
    return path


@pytest.mark.parametrize(
    "kept",
    [
        entry(),
        replace(entry(), wave=replace(entry().wave, partial=True), status="partial", start_seconds=0.1 + 0.2),
        replace(entry(), frames=None, status="no_picture"),
        replace(entry(), wave=None, status="no_sound"),
        StoredClip(0.0, None, None, "no_sound", 0.1 + 0.2),
    ],
)
def test_what_comes_out_is_what_went_in(tmp_path, video, kept):
    assert alike(unpack(b"".join(bytes(part) for part in pack(kept))), kept)
    store = opened(tmp_path / "s")
    assert store.get(video, 0.5) is None
    store.put(video, 0.5, kept)
    assert alike(opened(tmp_path / "s").get(video, 0.5), kept)
    assert alike(store.get(video, 0.5), kept)
    assert (store.hits, store.misses) == (1, 1)


def test_a_key_is_content_spec_and_place_never_a_name(tmp_path, video):
    store = opened(tmp_path / "s")
    store.put(video, 0.5, entry(1))
    same, other = tmp_path / "b.avi", tmp_path / "a.avi"
    shutil.copy(video, same)
    other.write_bytes(b"other video")
    assert alike(store.get(same, 0.5), entry(1))
    assert store.get(other, 0.5) is None
    assert store.get(video, 1.0) is None
    assert opened(tmp_path / "s", SPEC | {"frames": 3}).get(video, 0.5) is None
    assert spec_fingerprint(SPEC) == spec_fingerprint(dict(reversed(SPEC.items())))


def test_a_replaced_file_is_another_and_a_touched_one_the_same(tmp_path, video, monkeypatch):
    store = opened(tmp_path / "s")
    store.put(video, 0.5, entry(1))
    os.utime(video, (1, 1))
    assert alike(store.get(video, 0.5), entry(1))
    video.write_bytes(b"SOME VIDEO")  # as long as before
    assert store.get(video, 0.5) is None
    video.write_bytes(b"some video")
    store.get(video, 0.5)
    monkeypatch.setattr(shard_index, "sha256", lambda _: pytest.fail("a warm read does not read the video"))
    assert alike(store.get(video, 0.5), entry(1))


def test_a_missing_file_and_a_pipe_are_no_entries(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    store = opened(tmp_path / "s")
    assert store.get(tmp_path / "none.mp4", 0.5) is None
    assert store.get(tmp_path / "pipe.mp4", 0.5) is None


def test_many_entries_are_few_files(tmp_path, video):
    store = opened(tmp_path / "s", shard_clips=10)
    for place in range(35):
        store.put(video, place / 100, entry(place))
    assert len(list((tmp_path / "s" / "shards").iterdir())) == 4
    assert all(alike(store.get(video, place / 100), entry(place)) for place in range(35))


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_shard_is_a_miss_and_no_wrong_pixel(tmp_path, video, damage):
    store = opened(tmp_path / "s")
    store.put(video, 0.5, entry(1))
    store.close()
    (shard,) = (tmp_path / "s" / "shards").iterdir()
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.unlink() if damage == "gone" else shard.write_bytes(data[:-1] if damage == "cut" else data)
    assert store.get(video, 0.5) is None
    store.put(video, 0.5, entry(2))
    assert alike(store.get(video, 0.5), entry(2))


def test_full_is_said_before_anything_is_written(tmp_path, video, monkeypatch):
    store = opened(tmp_path / "s", max_gb=6e-6)
    store.put(video, 0.0, entry(0))
    store.put(video, 1.0, entry(1))
    with pytest.raises(InputError, match=r"is full: .*store\.max_gb"):
        store.put(video, 2.0, entry(2))
    held = store.packed.total_bytes()
    assert (
        4000 < held <= 6000 and sum(p.stat().st_size for p in (tmp_path / "s" / "shards").iterdir()) == held
    )
    roomy = opened(tmp_path / "t", keep_free_gb=1.0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9 + 100))
    with pytest.raises(InputError, match=r"to stay free \(store\.keep_free_gb\)"):
        roomy.put(video, 0.5, entry())
    assert not list((tmp_path / "t" / "shards").iterdir())


def test_folders_that_are_no_store_are_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    with pytest.raises(InputError, match="holds other things than a store"):
        opened(tmp_path / "photos")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "index.sqlite").write_bytes(b"this is no index" * 100)
    with pytest.raises(InputError, match="its index cannot be used"):
        opened(tmp_path / "s")
    with pytest.raises(InputError, match="cannot be made"):
        opened(tmp_path / "s" / "index.sqlite" / "below")


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:]
from store_entries import entry, opened
folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = opened(folder / "s", shard_clips=7)
for number in range(first, last):
    store.put(folder / "a.mp4", float(number), entry(number, frames=20, size=32))
    print(number, flush=True)
"""


def writer(folder: Path, first: int, last: int) -> subprocess.Popen:
    command = [
        sys.executable,
        "-c",
        WRITER,
        str(folder),
        str(first),
        str(last),
        str(Path(__file__).parents[1] / "worlds"),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_a_store_and_lose_nothing(tmp_path, video):
    writers = [writer(tmp_path, first, first + 40) for first in (0, 20, 20)]  # the same and different keys
    assert [process.wait() for process in writers] == [0, 0, 0]
    store = opened(tmp_path / "s")
    assert all(alike(store.get(video, float(n)), entry(n, frames=20, size=32)) for n in range(60))
    sizes = store.packed.index.connection().execute("SELECT SUM(length) FROM entries").fetchone()[0]
    assert store.packed.total_bytes() == sizes


def test_a_killed_writer_leaves_whole_entries_and_what_prune_takes_away(tmp_path, video):
    for first in (0, 1000, 2000):
        process = writer(tmp_path, first, first + 1000)
        assert process.stdout is not None
        for _ in range(10):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    store = opened(tmp_path / "s")
    there = [float(row[0]) for row in store.packed.index.connection().execute("SELECT place FROM entries")]
    assert len(there) >= 30
    assert all(alike(store.get(video, place), entry(int(place), frames=20, size=32)) for place in there)
    torn = tmp_path / "s" / "shards" / "torn.shard"
    torn.write_bytes(b"bytes without an entry")
    size = torn.stat().st_size
    assert store.packed.clean() >= size
    assert not torn.exists()
    assert all(alike(store.get(video, place), entry(int(place), frames=20, size=32)) for place in there)


def test_cleaning_keeps_what_lives_and_spares_who_writes(tmp_path, video):
    store, other = opened(tmp_path / "s", shard_clips=10), opened(tmp_path / "s")
    for number in range(10):
        store.put(video, float(number), entry(number))
    other.put(video, 99.0, entry(99))  # its shard is being written
    reader = opened(tmp_path / "s")
    assert alike(reader.get(video, 9.0), entry(9))
    store.close()
    content = store.packed.index.content(video)
    reader.packed.remove(
        [EntryKey(store.spec, content, repr(float(n))) for n in range(9)]
        + [EntryKey(store.spec, content, "99.0")]
    )
    before = reader.packed.total_bytes()
    assert reader.packed.clean() > 0
    assert reader.packed.total_bytes() == before
    assert alike(reader.get(video, 9.0), entry(9))
    assert alike(opened(tmp_path / "s").get(video, 9.0), entry(9))
    other.put(video, 98.0, entry(98))
    assert alike(reader.get(video, 98.0), entry(98))


def test_a_forked_child_has_an_index_of_its_own(tmp_path, video):
    store = opened(tmp_path / "s")
    store.put(video, 0.0, entry(0))
    pid = os.fork()
    if pid == 0:
        try:
            store.put(video, 1.0, entry(1))
            os._exit(0 if alike(store.get(video, 0.0), entry(0)) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    store.put(video, 2.0, entry(2))
    assert all(alike(store.get(video, float(n)), entry(n)) for n in range(3))
    assert len(list((tmp_path / "s" / "shards").iterdir())) == 2


def test_a_store_that_cannot_be_written_can_be_read(tmp_path, video, monkeypatch):
    store = opened(tmp_path / "s")
    store.put(video, 0.0, entry(0))
    store.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    again = opened(tmp_path / "s")
    assert alike(again.get(video, 0.0), entry(0))
    with pytest.raises(InputError, match="cannot be written"):
        again.put(video, 1.0, entry(1))


def kept(view: View) -> StoredClip:
    return StoredClip(view.start_seconds, view.frames, view.wave, "ok", 0.0)


@pytest.mark.parametrize("quality", [None, 90])
def test_a_clip_is_the_same_from_the_file_and_from_the_store(tiny: Path, hostile: Path, tmp_path, quality):
    wanted = config.ClipSettings(seconds=0.8, frames=3, image_size=48, jpeg_quality=quality)
    store = opened(tmp_path / "s", {"clip": wanted.model_dump(mode="json")})
    names = ("plain", "noaudio", "audioonly", "corrupt", "truncfs", "empty", "text")
    paths = [*sorted((tiny / "train").glob("*.mp4"))[:3], *(hostile / f"{name}.mp4" for name in names)]
    for path in paths:
        for reads in (("picture", "sound"),):
            plain = read_clip(path, [0.0, 0.5], wanted, 16_000, reads)
            first, again = (read_clip(path, [0.0, 0.5], wanted, 16_000, reads, store) for _ in range(2))
            for one in (first, again):
                assert (one.status, one.seconds, len(one.views)) == (
                    plain.status,
                    plain.seconds,
                    len(plain.views),
                ), path
                assert all(
                    alike(kept(ours), kept(theirs))
                    for ours, theirs in zip(one.views, plain.views, strict=True)
                ), path
            assert (again.cost.bytes == 0) == (
                len(plain.views) != 1
            )  # of truncfs the second span is read again
    # Of truncfs the beginning is kept; nothing is of the two that are no video.
    assert store.hits == 2 * (len(paths) - 3) + 1
    assert store.misses - store.packed.index.count(store.spec) == 2 * 1 + 2 * 2


def test_a_full_store_stops_the_reading_and_is_no_status(tiny: Path, tmp_path):
    store = opened(tmp_path / "s", max_gb=1e-9)
    with pytest.raises(InputError, match="is full"):
        read_clip(
            next((tiny / "train").glob("*.mp4")),
            [0.5],
            config.ClipSettings(seconds=0.5, frames=1),
            16_000,
            ("sound",),
            store,
        )


def test_a_store_says_what_it_is(tmp_path):
    packed = PackedFiles(tmp_path / "s", max_bytes=1e9, keep_free_bytes=0, per_shard=2)
    packed.put(EntryKey("a", "b", "c"), [b"123", np.arange(3)])
    assert packed.get(EntryKey("a", "b", "c")) == b"123" + np.arange(3).tobytes()
    assert packed.total_bytes() == 27
