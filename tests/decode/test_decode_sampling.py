"""Decoding only what others refer to: the frames that come are those of a whole decoding to the bit, and
their times true."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import LIMITS, frames_of, number, write_video

from telltale.decode.container import DecodeError, Limits


def read(path: Path, times, **changes):
    return frames_of(path, times, **changes)


def decoded(path: Path, skip: str = "DEFAULT") -> Iterator[tuple[float, av.VideoFrame]]:
    """Each frame and its seconds from the first, by PyAV alone."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.codec_context.skip_frame = skip
        for frame in container.decode(stream):
            yield float((frame.pts - stream.start_time) * stream.time_base), frame


def check(path: Path, times: np.ndarray | int, sampling: str, skip: str) -> float:
    """Read at `times`, or at so many spread evenly; returns how many of the frames `skip` keeps, from 0 to
    1."""
    whole = {second: frame.to_ndarray(format="rgb24") for second, frame in decoded(path)}
    kept = np.array(sorted(second for second, _ in decoded(path, skip)))
    if isinstance(times, int):
        times = np.linspace(0, max(whole), times)
    frames = read(path, times, sampling=sampling)
    for time, second, pixels in zip(times, frames.seconds, frames.pixels, strict=True):
        np.testing.assert_array_equal(pixels, whole[second])
        assert abs(second - time) <= np.abs(kept - time).min() + 1e-9  # no kept frame is nearer
    return len(kept) / len(whole)


CODINGS = {
    "pyramid.mp4": ("libx264", {"g": "30", "bf": "3"}),
    "flat.mp4": ("libx264", {"g": "30", "bf": "2", "x264-params": "b-pyramid=none"}),
    "without.mp4": ("libx264", {"g": "30", "bf": "0"}),
    "open.mkv": ("libx264", {"g": "10", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
    "slices.mp4": ("libx264", {"g": "30", "bf": "3", "x264-params": "slices=4"}),
    "intra.mp4": ("libx264", {"g": "1"}),
    "refresh.mp4": ("libx264", {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}),
    "hevc.mp4": ("libx265", {"g": "30", "x265-params": "log-level=none"}),
    "mpeg4.mp4": ("mpeg4", {"g": "10", "bf": "2"}),
    "vp9.webm": ("libvpx-vp9", {"g": "10", "cpu-used": "8", "deadline": "realtime"}),
    "motion.mkv": ("mjpeg", {}),
}


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize(("sampling", "skip"), [("reference", "NONREF"), ("keyframes", "NONKEY")])
def test_every_coding_gives_its_own_frames(tmp_path, name, sampling, skip):
    codec, options = CODINGS[name]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, 60, codec=codec, options=options, pix_fmt=pix_fmt)
    if name == "refresh.mp4" and sampling == "keyframes":
        return  # its keyframes are no whole pictures; the next test
    check(path, np.linspace(0, 60 / 25, 9), sampling, skip)


def test_refreshed_bit_by_bit_still_gives_a_picture_at_its_true_time(tmp_path):
    path = write_video(tmp_path / "v.mp4", 60, options={"x264-params": "intra-refresh=1:keyint=10:bframes=0"})
    frames = read(path, [0.0, 1.0], sampling="keyframes")
    assert [number(pixels) for pixels in frames.pixels] == [round(second * 25) for second in frames.seconds]


@pytest.mark.parametrize(
    "name",
    ["plain", "vfr", "rot90", "hevc", "vp9", "av1", "open_gop", "two_video_streams", "one", "tiny_frame"],
)
def test_hostile_files_too(hostile: Path, name):
    if name != "rot90":  # PyAV alone does not turn
        check(hostile / f"{name}.mp4", np.linspace(0, 4, 9), "reference", "NONREF")
    assert len(read(hostile / f"{name}.mp4", [0.0, 1.0], sampling="reference").pixels) == 2


def test_clips_lose_half_their_frames_and_no_pixel(clips: Path):
    for path in sorted(clips.glob("*/*.mp4"))[::16]:
        assert check(path, 16, "reference", "NONREF") < 0.7


def test_what_is_not_referred_to_is_not_decoded(tmp_path):
    path = write_video(
        tmp_path / "v.mp4",
        100,
        options={"g": "200", "bf": "2", "x264-params": "b-pyramid=none:scenecut=0:b-adapt=0"},
    )
    few = Limits(LIMITS.max_frame_pixels, 40)  # a third of them, and the few that the decoder holds back
    assert not read(path, [0.0, 99 / 25], sampling="reference", limits=few).partial
    assert read(path, [0.0, 99 / 25], sampling="exact", limits=few).partial


def test_keyframes_alone_are_decoded_in_a_fast_scan(tmp_path):
    path = write_video(tmp_path / "v.mp4", 300, options={"g": "50", "bf": "2", "x264-params": "scenecut=0"})
    frames = read(
        path, np.linspace(0, 12, 7), sampling="keyframes", limits=Limits(LIMITS.max_frame_pixels, 8)
    )
    assert [number(pixels) for pixels in frames.pixels] == [0, 50, 100, 150, 200, 250, 250]
    np.testing.assert_allclose(frames.seconds, [0, 2, 4, 6, 8, 10, 10])


def test_damage_among_what_is_decoded_is_still_seen(hostile: Path):
    assert read(hostile / "truncfs.mp4", np.linspace(0, 4, 9), sampling="reference").partial
    with pytest.raises(DecodeError):
        read(hostile / "trunc.mp4", [0.0], sampling="reference")


def test_decord_knows_no_choice(hostile: Path):
    with pytest.raises(ValueError, match="decord knows 'exact' only"):
        read(hostile / "plain.mp4", [0.0], sampling="reference", backend="decord")
