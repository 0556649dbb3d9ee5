"""One walk for picture and sound: the file is opened once, both come out as if read alone, a seek parts
them."""

from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import LIMITS, write_sound, write_video

from telltale.decode import demux as demux_module
from telltale.decode.container import DecodeError
from telltale.decode.demux import Demuxer
from telltale.decode.frames import read_frames
from telltale.decode.sound import Wave, read_wave

BOTH = ("picture", "sound")


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The names of the files opened, in order."""
    names: list[str] = []
    real = av.open
    monkeypatch.setattr(
        av, "open", lambda path, *args, **more: names.append(Path(path).name) or real(path, *args, **more)
    )
    return names


def pictures(demuxer: Demuxer, start: float, seconds: float) -> list[np.ndarray | str]:
    """Pixels and their times, or the status of the error."""
    try:
        times = np.linspace(start, start + seconds, 5)
        frames = read_frames(demuxer, times, short_side=64, sampling="reference")
        return [frames.pixels, frames.seconds, str(frames.partial)]
    except DecodeError as error:
        return [error.status]


def sound(demuxer: Demuxer, start: float, seconds: float) -> list[np.ndarray | str]:
    """Samples, why there are none, or the status of the error."""
    try:
        wave = read_wave(demuxer, start, seconds, rate_hz=16_000)
        return [wave.samples, str(wave.partial)] if isinstance(wave, Wave) else [wave.reason]
    except DecodeError as error:
        return [error.status]


def read(demuxer: Demuxer, start: float, seconds: float) -> list[np.ndarray | str]:
    return pictures(demuxer, start, seconds) + sound(demuxer, start, seconds)


def assert_alike(path: Path, start: float, seconds: float) -> bool:
    """Picture and sound through one demuxer are those of two; whether the demuxer was moved."""
    with Demuxer(path, LIMITS, BOTH) as demuxer:
        together = read(demuxer, start, seconds)
    with Demuxer(path, LIMITS, ("picture",)) as one, Demuxer(path, LIMITS, ("sound",)) as other:
        alone = pictures(one, start, seconds) + sound(other, start, seconds)
    assert len(alone) == len(together)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    return demuxer.moved


NAMES = [
    "plain",
    "audio_shorter",
    "silent_audio",
    "mono8k",
    "noaudio",
    "truncfs",
    "corrupt",
    "vfr",
    "matroska_inside",
    "hour",
]


@pytest.mark.parametrize("name", NAMES)
def test_both_come_out_as_if_read_alone(hostile: Path, name):
    assert_alike(hostile / f"{name}.mp4", 0.0, 4.0)
    assert_alike(hostile / f"{name}.mp4", 1.3, 2.0)


def test_clips_are_opened_once(clips: Path, opened):
    for path in sorted(clips.glob("*/*.mp4"))[::20]:
        opened.clear()
        with Demuxer(path, LIMITS, BOTH) as demuxer:
            read(demuxer, 0.0, 4.0)
        assert opened == [path.name]


def test_a_seek_of_the_pictures_gives_the_sound_a_demuxer_of_its_own(tmp_path, opened):
    path = tmp_path / "v.mp4"
    write_sound(
        path,
        np.random.default_rng(1).uniform(-0.5, 0.5, (1, 16_000 * 20)),
        16_000,
        codec="aac",
        video_frames=500,
    )
    opened.clear()
    with Demuxer(path, LIMITS, BOTH) as demuxer:
        read(demuxer, 15.0, 2.0)
        assert demuxer.moved
    assert len(opened) == 2
    assert assert_alike(path, 15.0, 2.0)


def test_what_is_kept_is_bounded(clips: Path, monkeypatch):
    path = next(p for p in sorted(clips.glob("*/*.mp4")) if has_sound(p))
    assert not assert_alike(path, 0.0, 4.0)
    monkeypatch.setattr(demux_module, "_MAX_KEPT_BYTES", 1000)
    assert assert_alike(path, 0.0, 4.0)


def has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def test_a_stream_that_is_not_read_is_refused(tmp_path):
    path = write_video(tmp_path / "v.mp4", 5)
    with (
        Demuxer(path, LIMITS, ("sound",)) as demuxer,
        pytest.raises(ValueError, match="wanted one that this demuxer reads"),
    ):
        demuxer.next(demuxer.pictures)
