"""The containers beside MP4: one clip in each of them gives the same pictures at the same times, and the same
sound."""

from pathlib import Path

import numpy as np
import pytest
from decode_clips import contents_of, frames_of, number, remuxed, wave_of, write_sound, write_video

from telltale.decode.container import DecodeError, is_truncated, open_container, sniff
from telltale.decode.frames import Frames
from telltale.decode.sound import Wave

TIMES = np.arange(0.01, 2.0, 0.12)  # seconds, well within frames that last 0.04
KINDS = {"mov": "mov", "mkv": "matroska", "avi": "avi"}
# B frames are stored in another order than they are shown in, and AVI has no times to say so.
B_FRAMES = {"bf": "3", "b-pyramid": "normal", "g": "25"}


def shown(frames: Frames) -> list[int]:
    return [number(pixels) for pixels in frames.pixels]


@pytest.fixture(scope="module")
def clip(tiny: Path) -> Path:
    return min((tiny / "test").glob("*.mp4"))


def sound_of(path: Path) -> np.ndarray:
    wave = wave_of(path, 0.25, 0.5, rate_hz=16_000)
    assert isinstance(wave, Wave)
    return wave.samples


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("sampling", ["exact", "reference"])
def test_a_demo_clip_in_another_container_is_the_same_clip(
    clip: Path, tmp_path: Path, suffix: str, sampling: str
) -> None:
    path = remuxed(clip, tmp_path / f"clip.{suffix}")
    assert sniff(path) == KINDS[suffix]
    assert not is_truncated(path)
    with open_container(path) as container:
        assert KINDS[suffix] in container.format.name
    times = np.linspace(0, 1, 6)
    given, found = (frames_of(p, times, sampling=sampling) for p in (clip, path))
    if not (
        suffix == "avi" and sampling == "reference"
    ):  # all frames of an AVI count as ones that others refer to
        np.testing.assert_array_equal(found.pixels, given.pixels)
        np.testing.assert_allclose(found.seconds, given.seconds, atol=2e-3)  # Matroska counts milliseconds
    assert not found.partial
    lag = round(float(contents_of(path).sound_seconds - contents_of(clip).sound_seconds) * 16_000)
    sound, other = sound_of(clip), sound_of(path)
    assert abs(lag) < 2000 and len(sound) == len(other)
    best = max(
        range(-1200, 1200), key=lambda by: float(np.dot(sound[2000:6000], other[2000 + by : 6000 + by]))
    )
    alike = np.corrcoef(sound[2000:6000], other[2000 + best : 6000 + best])[0, 1]
    assert alike > 0.98 and abs(best) < 1200, (alike, best)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.avi", "libx264", B_FRAMES),
        ("plain.avi", "libx264", {"bf": "0"}),
        ("asp.avi", "mpeg4", {"bf": "2"}),
        ("b.mkv", "libx264", B_FRAMES),
        ("b.mov", "libx264", B_FRAMES),
        ("v.webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    ],
)
@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_each_time_shows_its_frame(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], backend: str
) -> None:
    path = write_video(tmp_path / name, 50, codec=codec, options=options)
    found = frames_of(path, TIMES, backend=backend)
    assert shown(found) == [int(time / 0.04) for time in TIMES]
    np.testing.assert_allclose(found.seconds, [int(time / 0.04) * 0.04 for time in TIMES], atol=2e-3)
    # The same by a single look far into the file, to which a reader could jump.
    assert shown(frames_of(path, np.array([1.94]), sampling="reference"))[0] in (47, 48, 49)


def test_the_contents_of_an_avi(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "v.avi", np.zeros((1, 16_000)), 8000, video_frames=50)
    found = contents_of(path)
    assert (found.has_picture, found.has_sound) == (True, True)
    assert found.picture_seconds == pytest.approx(2.0) and found.sound_seconds == pytest.approx(2.0)


def test_an_avi_that_is_cut_is_partial(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 50, codec="mjpeg", pix_fmt="yuvj420p")
    assert not is_truncated(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert is_truncated(path)
    found = frames_of(path, TIMES)
    assert found.partial and shown(found) == [int(time / 0.04) for time in TIMES[: len(found.pixels)]]


@pytest.mark.parametrize(
    "head", [b"RIFF\x24\0\0\0WAVEfmt ", b"RIFF\x24\0\0\0WEBP", b"RIFF\x24\0\0\0", b"OggS\0\2", b"GIF89a"]
)
def test_other_formats_are_refused_whatever_they_are_called(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(head)
    with pytest.raises(DecodeError, match="no MP4, MOV, Matroska, WebM or AVI") as caught:
        sniff(path)
    assert caught.value.status == "refused"


def test_avi_is_forced_too(tmp_path: Path) -> None:
    sentinel = write_video(tmp_path / "sentinel.mp4", 5)
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF\0\0\0\0AVI \nffconcat version 1.0\nfile '" + str(sentinel).encode() + b"'\n")
    with pytest.raises(DecodeError) as caught:
        frames_of(path, np.zeros(1))
    assert caught.value.status == "no_stream"
