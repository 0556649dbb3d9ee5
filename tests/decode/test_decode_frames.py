"""Pictures: the frame on show at each wanted time, whatever the clip is like, with both backends."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import LIMITS, frames_of, number, write_video
from worlds.hostile import Source

from telltale.decode import decord_frames
from telltale.decode.container import DecodeError, Limits
from telltale.decode.frames import Frames

BACKENDS = ("pyav", "decord")
LARGE = {"drawn": (108, 192), "real": (360, 640)}  # height and width of most hostile files


def read(path: Path, times, **changes) -> Frames:
    return frames_of(path, times, **changes)


def numbers(frames: Frames) -> list[int]:
    return [number(pixels) for pixels in frames.pixels]


@pytest.mark.parametrize("backend", BACKENDS)
def test_counting_video_shows_frame_k_at_k_thirtieths(hostile: Path, backend):
    frames = read(hostile / "counting.mp4", np.arange(300) / 30, backend=backend)
    assert numbers(frames) == list(range(300))
    np.testing.assert_allclose(frames.seconds, np.arange(300) / 30, atol=1e-9)
    assert not frames.partial


@pytest.mark.parametrize("backend", BACKENDS)
def test_between_before_and_beyond_the_frames(hostile: Path, backend):
    wanted = [-5.0, 0.0, 0.0, 7.4 / 30, 7.999 / 30, 8 / 30, 9.9, 11.0, 1e9, 1e30]
    assert numbers(read(hostile / "counting.mp4", wanted, backend=backend)) == [
        0,
        0,
        0,
        7,
        7,
        8,
        297,
        299,
        299,
        299,
    ]


def test_counting_is_read_by_decord_itself(hostile: Path):
    assert decord_frames.read(hostile / "counting.mp4", LIMITS, np.array([1.0]), None) is not None


@pytest.mark.parametrize(
    "name", ["plain", "rot90", "vfr", "hevc", "vp9", "matroska_inside", "two_video_streams", "odd444"]
)
def test_backends_give_the_same_pixels_at_the_stored_size(hostile: Path, name):
    path, times = hostile / f"{name}.mp4", np.linspace(0, 4, 7)
    theirs = decord_frames.read(path, LIMITS, times, None)
    ours = read(path, times)
    assert theirs is not None
    np.testing.assert_array_equal(ours.seconds, theirs[1])
    np.testing.assert_array_equal(ours.pixels, theirs[0])


def test_backends_agree_on_clips(clips: Path, source: Source):
    short_side = {"drawn": 56, "real": 112}[source]
    for path in sorted(clips.glob("*/*.mp4"))[::16]:
        times = np.linspace(0.3, 4, 4)
        for side, most in (
            (None, 0.0),
            (short_side, 2.5),
        ):  # scaled: decord's converter rounds down and shares colours
            theirs = decord_frames.read(path, LIMITS, times, side)
            ours = read(path, times, short_side=side)
            assert theirs is not None
            np.testing.assert_array_equal(ours.seconds, theirs[1])
            assert np.abs(ours.pixels.astype(int) - theirs[0]).mean() <= most, path


def test_scaled_pixels_are_those_of_exact_arithmetic(clips: Path):
    for path in sorted(clips.glob("*/*.mp4"))[::40]:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        exact = exactly_scaled(frame, 224)
        ours = read(path, [0.0], short_side=224).pixels[0]
        assert np.abs(ours - exact).mean() < 0.3, path  # rounding alone is 0.25


def exactly_scaled(frame: av.VideoFrame, side: int) -> np.ndarray:
    """float (side, side, 3): a square 4:2:0 frame by a triangle filter and the colour matrix, without a
    rounding."""
    high = frame.height
    luma, blue, red = (
        np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width].astype(float)
        for p in frame.planes
    )
    scale = high / side

    def weights(count: int, step: float, shift: float) -> np.ndarray:
        centres = (np.arange(side)[:, None] + 0.5) * step - 0.5 + shift
        reach = max(1.0, step)
        taps = np.arange(-8, count + 8)
        found = np.maximum(1 - np.abs(taps[None] - centres) / reach, 0)
        folded = np.zeros((side, count))
        np.add.at(folded, (slice(None), taps.clip(0, count - 1)), found)
        return folded / folded.sum(1, keepdims=True)

    y = weights(high, scale, 0) @ luma @ weights(high, scale, 0).T
    # Chroma samples sit on the left of each pair of pixels, and between two lines.
    across, down = weights(high // 2, scale / 2, 0.25), weights(high // 2, scale / 2, 0)
    y, u, v = (
        (y - 16) * 255 / 219,
        (down @ blue @ across.T - 128) * 255 / 224,
        (down @ red @ across.T - 128) * 255 / 224,
    )
    kr, kb = (0.2126, 0.0722) if frame.colorspace == 1 else (0.299, 0.114)
    r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    return np.clip(np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], -1), 0, 255)


def test_ten_bits_differ_by_rounding_only(hostile: Path):
    ours, theirs = (
        read(hostile / "hi10.mp4", [0.4], backend=backend).pixels.astype(int) for backend in BACKENDS
    )
    assert (
        np.abs(ours - theirs).mean() < 2
    )  # two generations of the converter place 10-bit chroma differently


@pytest.mark.parametrize("backend", BACKENDS)
def test_turned_upright_as_the_file_says(hostile: Path, backend):
    plain, turned = hostile / "plain.mp4", hostile / "rot90.mp4"
    data = turned.read_bytes()
    header = data.index(b"tkhd") + 4
    a, b, _, c, d = struct.unpack(">5i", data[header + 40 : header + 60])
    # QuickTime: a stored point (x, y), y downwards, is shown at (a x + c y, b x + d y). Here x goes up and y
    # to the right.
    assert (a, b, c, d) == (0, -65536, 65536, 0)
    upright = read(plain, [1.0], backend=backend).pixels[0]
    shown = read(turned, [1.0], backend=backend).pixels[0]
    np.testing.assert_array_equal(shown, upright.transpose(1, 0, 2)[::-1])
    assert read(turned, [1.0], short_side=90, backend=backend).pixels.shape == (1, 160, 90, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("av1", LARGE),
        ("hevc", LARGE),
        ("vp9", LARGE),
        ("hi10", LARGE),
        ("odd444", LARGE),
        ("two_video_streams", LARGE),  # not the 100x100 picture that comes first
        ("tiny_frame", {"drawn": (16, 16), "real": (16, 16)}),
    ],
)
def test_every_coding_and_shape(hostile: Path, source: Source, name, shape, backend):
    frames = read(hostile / f"{name}.mp4", [0.0, 0.5], backend=backend)
    assert frames.pixels.shape[1:3] == shape[source]
    assert frames.pixels.std() > 5
    assert not frames.partial


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_frame_is_on_show_for_ever(hostile: Path, backend):
    frames = read(hostile / "one.mp4", [0.0, 0.02, 3.0], backend=backend)
    assert frames.seconds.tolist() == [0, 0, 0]
    assert not frames.partial


@pytest.mark.parametrize("backend", BACKENDS)
def test_varying_frame_rate_goes_by_times(tmp_path, backend):
    times = [0, 1, 2, 10, 11, 30, 60, 61]
    path = write_video(tmp_path / "v.mp4", 8, times=times)
    frames = read(path, np.array([0, 2, 9, 10, 29, 30, 59, 61]) / 25, backend=backend)
    assert numbers(frames) == [0, 2, 2, 3, 4, 5, 5, 7]


def test_zero_is_the_first_frame_wherever_the_container_starts(hostile: Path, tmp_path):
    assert read(hostile / "matroska_inside.mp4", [0.0]).seconds[0] == 0.0
    for name in ("late.mkv", "late.mp4"):
        path = write_video(tmp_path / name, 10, times=list(range(100, 110)))
        assert numbers(read(path, [0.0, 5 / 25])) == [0, 5]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("skipped", [3, 10, 17])
def test_an_edit_list_that_skips_the_beginning(tmp_path, skipped, backend):
    path = write_video(tmp_path / "edited.mp4", 50, options={"g": "10", "bf": "2"})
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 16  # the only edit's media time, behind version, count and duration
    media = int.from_bytes(data[at : at + 4], "big") + skipped * 512  # ticks of 1/12800 s
    data[at : at + 4] = media.to_bytes(4, "big")
    path.write_bytes(data)
    frames = read(path, np.array([0, 1, 12, 30]) / 25, backend=backend)
    assert numbers(frames) == [skipped, skipped + 1, skipped + 12, skipped + 30]
    assert frames.seconds[0] == 0
    assert numbers(read(path, [25 / 25], backend=backend)) == [skipped + 25]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("closed.mp4", "libx264", {"g": "10", "bf": "3"}),
        ("open.mp4", "libx264", {"g": "10", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("open.mkv", "libx264", {"g": "10", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("refresh.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}),
        ("mpeg4.mp4", "mpeg4", {"g": "10", "bf": "2"}),
        ("vp9.webm", "libvpx-vp9", {"g": "10", "cpu-used": "8", "deadline": "realtime"}),
    ],
)
def test_a_seek_lands_on_the_very_frame(tmp_path, name, codec, options, backend):
    path = write_video(tmp_path / name, 60, codec=codec, options=options)
    for k in range(0, 60, 3):
        assert numbers(read(path, [k / 25], backend=backend)) == [k]
    assert numbers(read(path, np.array([4, 13, 31, 44, 59]) / 25, backend=backend)) == [4, 13, 31, 44, 59]


def test_a_seek_spares_what_is_not_needed(tmp_path):
    for name in ("v.mp4", "v.mkv"):
        path = write_video(tmp_path / name, 500, options={"g": "50", "bf": "2"})
        few = Limits(LIMITS.max_frame_pixels, 60)
        assert numbers(read(path, [452 / 25], limits=few)) == [452]


def test_an_hour_is_quick_and_exact(hostile: Path):
    path = hostile / "hour.mp4"
    frames = read(path, np.linspace(0, 3600, 6))
    assert frames.seconds[-1] == 3599.96
    with av.open(str(path)) as container:
        container.seek(
            1100 * 12800, stream=container.streams.video[0]
        )  # from the keyframe before, one by one
        for frame in container.decode(video=0):
            if frame.time >= frames.seconds[2] - 1e-6:
                break
    np.testing.assert_array_equal(frames.pixels[2], frame.to_ndarray(format="rgb24"))


def test_scaled_to_the_short_side_either_way(hostile: Path):
    assert read(hostile / "plain.mp4", [0.0], short_side=72).pixels.shape == (1, 72, 128, 3)
    assert read(hostile / "tiny_frame.mp4", [0.0], short_side=48).pixels.shape == (1, 48, 48, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_full_range_and_colour_matrix_are_respected(tmp_path, backend):
    wanted = (
        60,
        200,
        60,
    )  # taken for video range, full-range 200 would come out as 214; by BT.601, BT.709's green as 178
    for name, changes in {"range": {"pix_fmt": "yuvj420p"}, "matrix": {"matrix": 1}}.items():
        path = write_video(tmp_path / f"{name}.mp4", 5, colour=wanted, options={"crf": "1"}, **changes)
        shown = read(path, [0.0], backend=backend).pixels.mean(axis=(0, 1, 2))
        np.testing.assert_allclose(shown, wanted, atol=4)


@pytest.mark.parametrize("times", [[np.nan], [1.0, 0.5], [], [[0.0]], [np.inf]])
def test_times_that_make_no_sense_are_refused(hostile: Path, times):
    with pytest.raises(ValueError, match="times"):
        read(hostile / "counting.mp4", times)


def test_frames_check_themselves():
    good = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="seconds"):
        Frames(good, np.array([1.0, 0.5]), False)
    with pytest.raises(ValueError, match="pixels"):
        Frames(good.astype(np.float32), np.array([0.0, 0.5]), False)


def test_no_picture_has_its_own_status(hostile: Path):
    with pytest.raises(DecodeError, match="audioonly") as caught:
        read(hostile / "audioonly.mp4", [0.0])
    assert caught.value.status == "no_stream"
