"""Damage and limits: the frames before the damage, `partial`; or a status that says why not. Never a made-up
frame."""

import contextlib
import pickle
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import LIMITS, contents_of, drawn, frames_of, number, wave_of, write_video

from telltale.decode import cursor, decord_frames
from telltale.decode.container import DecodeError, Limits, is_truncated
from telltale.decode.sound import Wave

BACKENDS = ("pyav", "decord")


def read(path: Path, times, limits: Limits = LIMITS, **changes):
    return frames_of(path, times, limits=limits, **changes)


def status(path: Path, times=(0.0,), **changes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(path, times, **changes)
    assert path.name in str(caught.value)
    return caught.value.status


@pytest.mark.parametrize("backend", BACKENDS)
def test_cut_file_gives_the_frames_before_the_cut(hostile: Path, backend):
    frames = read(hostile / "truncfs.mp4", np.linspace(0, 3.5, 8), backend=backend)
    assert frames.partial
    np.testing.assert_allclose(frames.seconds, [0, 0.48])
    whole = read(hostile / "plain.mp4", [0, 0.5])
    np.testing.assert_array_equal(frames.pixels, whole.pixels)


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_patched_up_by_the_decoder_are_damage(hostile: Path, backend):
    assert status(hostile / "corrupt.mp4", np.linspace(0, 3.5, 8), backend=backend) == "damaged"


def test_bits_damaged_in_the_middle_give_what_comes_before(tmp_path):
    path = write_video(tmp_path / "v.mp4", 100, options={"g": "25", "bf": "0", "crf": "1"})
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    at, size = packets[52]
    data[at + 5 : at + size] = bytes(size - 5)
    path.write_bytes(data)
    frames = read(path, np.arange(100) / 25)
    assert frames.partial
    assert 48 <= len(frames.pixels) <= 52
    assert [number(pixels) for pixels in frames.pixels] == list(range(len(frames.pixels)))
    assert not read(path, np.array([3, 40]) / 25).partial  # nothing damaged was needed


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_a_cut_between_two_packets_is_seen(tmp_path, name):
    path = write_video(tmp_path / name, 50, options={"bf": "0"}, container_options={"movflags": "faststart"})
    assert not is_truncated(path)
    assert not read(path, [5.0]).partial
    with av.open(str(path)) as container:
        ends = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    path.write_bytes(data[: ends[30]])
    assert is_truncated(path)
    frames = read(path, np.arange(50) / 25)
    assert frames.partial
    assert [number(pixels) for pixels in frames.pixels] == list(range(len(frames.pixels)))
    assert 27 <= len(frames.pixels) <= 31
    assert not read(path, np.arange(10) / 25).partial
    assert status(path, [1.9]) == "damaged"


@pytest.mark.parametrize(
    ("name", "wanted"), [("trunc", "damaged"), ("empty", "empty"), ("rand", "refused"), ("text", "refused")]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_to_read_has_a_status(hostile: Path, name, wanted, backend):
    assert status(hostile / f"{name}.mp4", backend=backend) == wanted


def test_too_large_by_metadata_is_refused_before_decoding(hostile: Path, monkeypatch):
    monkeypatch.setattr(cursor.FrameCursor, "_decode", None)  # calling it would be a TypeError
    path = hostile / "huge_frame.mp4"
    assert status(path) == "too_large"
    with pytest.raises(DecodeError) as caught:
        contents_of(path)
    assert caught.value.status == "too_large"


def _growing(path: Path, codec: str, pix_fmt: str) -> Path:
    """A stream whose metadata and first frame say 64x64 and whose second frame is 640x640."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = pix_fmt
        for index, size in enumerate((64, 640)):
            encoder = av.CodecContext.create(codec, "w")
            encoder.width = encoder.height = size
            encoder.pix_fmt = pix_fmt
            encoder.time_base = Fraction(1, 25)
            frame = av.VideoFrame.from_ndarray(drawn(5, size), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in [*encoder.encode(frame.reformat(format=pix_fmt)), *encoder.encode(None)]:
                packet.stream = stream
                packet.pts = packet.dts = index
                packet.time_base = Fraction(1, 25)
                out.mux(packet)
    return path


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libvpx-vp9", "yuv420p"), ("mjpeg", "yuvj420p")])
def test_a_frame_larger_than_the_metadata_say(tmp_path, codec, pix_fmt):
    path = _growing(tmp_path / "v.mkv", codec, pix_fmt)
    small = Limits(100 * 100, 1000)
    frames = read(path, [0.0, 0.04], small)
    assert frames.partial
    assert len(frames.pixels) == 1
    whole = read(path, [0.0, 0.04])  # within the limit it is scaled to the first frame's size
    assert [number(pixels) for pixels in whole.pixels] == [5, 5]


def test_scaling_up_is_limited_too(tmp_path):
    path = write_video(tmp_path / "v.mp4", 2)
    with pytest.raises(DecodeError) as caught:
        frames_of(path, np.array([0.0]), short_side=65, limits=Limits(64 * 64, 10))
    assert caught.value.status == "too_large"


def test_the_limit_on_decoded_frames_ends_the_read(tmp_path):
    path = write_video(tmp_path / "v.mp4", 100, options={"g": "1000"})
    few = Limits(LIMITS.max_frame_pixels, 50)
    for backend in BACKENDS:
        frames = read(path, np.array([10, 20, 90]) / 25, few, backend=backend)
        assert frames.partial
        assert [number(pixels) for pixels in frames.pixels] == [10, 20]
    assert status(path, [90 / 25], limits=few) == "too_large"


def test_random_damage_never_surprises(tmp_path):
    source = write_video(
        tmp_path / "v.mp4", 40, options={"g": "10"}, container_options={"movflags": "faststart"}
    ).read_bytes()
    path = tmp_path / "damaged.mp4"
    rng = np.random.default_rng(7)
    for _ in range(150):
        data = bytearray(source)
        for at in rng.integers(8, len(data), 6):
            data[at] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
        with contextlib.suppress(DecodeError):  # nothing else may come out
            contents_of(path)
            frames = read(path, np.arange(0, 40, 5) / 25)
            assert frames.partial == (len(frames.pixels) < 8)


def test_no_frame_that_shows_garbage_passes_decord(hostile: Path):
    assert decord_frames.read(hostile / "corrupt.mp4", LIMITS, np.linspace(0, 3.5, 8), None) is None
    assert decord_frames.read(hostile / "truncfs.mp4", LIMITS, np.linspace(0, 3.5, 8), None) is None


def test_damaged_sound_gives_what_comes_before(hostile: Path):
    wave = wave_of(hostile / "truncfs.mp4", 0.0, 4.0, rate_hz=16_000)
    assert isinstance(wave, Wave)
    assert wave.partial
    assert 0.5 < len(wave.samples) / 16_000 < 1
    with pytest.raises(DecodeError) as caught:
        wave_of(hostile / "truncfs.mp4", 2.0, 1.0, rate_hz=16_000)
    assert caught.value.status == "damaged"
    corrupt = wave_of(hostile / "corrupt.mp4", 0.0, 4.0, rate_hz=16_000)
    assert isinstance(corrupt, Wave)
    assert corrupt.partial


def test_the_error_survives_the_way_back_from_a_worker():
    error = pickle.loads(pickle.dumps(DecodeError("damaged", "a.mp4: is damaged")))
    assert (error.status, str(error)) == ("damaged", "a.mp4: is damaged")
