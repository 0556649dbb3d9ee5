"""Sound: the very samples of a span on the clip's clock; silence, absence and damage are three different
answers."""

from pathlib import Path

import numpy as np
import pytest
from decode_clips import wave_of, write_sound

from telltale.decode.container import DecodeError, Limits
from telltale.decode.sound import NoSound, Wave


def read(path: Path, start: float, seconds: float, rate_hz: int, **changes) -> Wave:
    wave = wave_of(path, start, seconds, rate_hz=rate_hz, **changes)
    assert isinstance(wave, Wave)
    return wave


def tone(seconds: float, rate_hz: int, hz: float = 200.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def ramp(count: int) -> np.ndarray:
    return np.arange(count) % 1000 / 1000 - 0.5


def test_samples_come_out_as_they_went_in(tmp_path):
    path = write_sound(tmp_path / "s.mov", ramp(16000)[None], 8000)
    wave = read(path, 0.0, 2.0, 8000)
    np.testing.assert_allclose(wave.samples, ramp(16000), atol=1e-4)
    np.testing.assert_array_equal(read(path, 0.7, 0.5, 8000).samples, wave.samples[5600:9600])
    assert (wave.rate_hz, wave.start_seconds, wave.partial) == (8000, 0.0, False)


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_channels_are_averaged_alike(tmp_path, layout, channels):
    sound = np.stack([ramp(8000) * (channel + 1) / channels for channel in range(channels)])
    path = write_sound(tmp_path / "s.mov", sound, 8000, layout=layout)
    np.testing.assert_allclose(read(path, 0.0, 1.0, 8000).samples, sound.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("source_hz", "rate_hz"), [(8000, 16000), (44100, 16000), (48000, 22050), (16000, 8000)]
)
def test_resampled_sound_stays_in_its_place(tmp_path, source_hz, rate_hz):
    path = write_sound(tmp_path / "s.mov", tone(3, source_hz)[None], source_hz)
    wave = read(path, 0.5, 2.0, rate_hz).samples
    wanted = tone(3, rate_hz)[rate_hz // 2 : rate_hz // 2 + len(wave)]
    assert len(wave) == 2 * rate_hz
    assert np.abs(wave - wanted).max() < 2e-3


@pytest.mark.parametrize(
    "name", ["plain", "matroska_inside", "vp9", "silent_audio", "mono8k", "audio_5point1_longer"]
)
def test_a_span_equals_the_same_slice_of_a_full_read(hostile: Path, name):
    path = hostile / f"{name}.mp4"
    whole = read(path, 0.0, 8.0, 16_000).samples
    for start, seconds in ((0.25, 0.5), (0.9371875, 0.75), (1.0, 1.0)):
        first = round(start * 16_000)
        span = read(path, start, seconds, 16_000).samples
        np.testing.assert_allclose(span, whole[first : first + round(seconds * 16_000)], atol=1e-6)


def test_a_span_far_into_the_clip_is_sought_and_right(tmp_path):
    rng = np.random.default_rng(3)
    sound = np.convolve(rng.normal(0, 0.1, 8000 * 100), np.ones(8) / 8, "same").clip(-0.9, 0.9)[None]
    for name, codec, few in (("s.mov", "pcm_s16le", 200), ("s.mkv", "pcm_s16le", 200), ("s.mp4", "aac", 200)):
        path = write_sound(tmp_path / name, sound, 8000, codec=codec)
        whole = read(path, 0.0, 100.0, 8000).samples
        span = read(
            path, 80.5, 2.0, 8000, limits=Limits(1, few)
        ).samples  # a linear read would take far more frames
        slack = 0.02 if codec == "aac" else 1e-6  # AAC's noise substitution starts anew behind a seek
        error = np.abs(span - whole[644000:660000])
        assert np.sqrt((error**2).mean()) < slack, name


def test_one_clock_with_the_picture(hostile: Path):
    # The same packets in both. In the Matroska file they start at 0 with 1024 samples of priming, and the
    # picture at 0.023 s, which a clock of milliseconds makes of 1024 / 44100 s: 10 samples are left of the
    # priming.
    plain = read(hostile / "plain.mp4", 0.0, 2.0, 44_100).samples
    inside = read(hostile / "matroska_inside.mp4", 0.0, 2.0, 44_100).samples
    np.testing.assert_array_equal(inside[10:], plain[:-10])


def test_sound_that_starts_late_is_led_in_by_zeros(tmp_path):
    path = write_sound(tmp_path / "s.mkv", tone(1, 8000)[None], 8000, first_pts=4000, video_frames=40)
    wave = read(path, 0.0, 2.0, 8000).samples
    assert np.abs(wave[:3990]).max() == 0
    np.testing.assert_allclose(wave[4000:], tone(1, 8000), atol=1e-4)
    assert len(wave) == 12000


def test_a_pause_in_the_sound_is_zeros(tmp_path):
    path = write_sound(tmp_path / "s.mkv", (tone(1, 8000) + 0.3)[None], 8000, pause_after=4000, pause=4000)
    wave = read(path, 0.0, 2.0, 8000).samples
    assert len(wave) == 12000
    assert np.abs(wave[4010:7990]).max() == 0
    assert np.abs(wave[:4000]).min() >= 0
    np.testing.assert_allclose(wave[8000:], (tone(1, 8000) + 0.3)[4000:], atol=1e-4)


def test_shorter_than_the_span_ends_where_it_ends(hostile: Path):
    wave = read(hostile / "audio_shorter.mp4", 0.0, 4.0, 16_000)
    assert 0.95 < len(wave.samples) / 16_000 < 1.05
    assert not wave.partial


def test_longer_than_the_picture_can_be_asked_for(hostile: Path):
    assert len(read(hostile / "audio_5point1_longer.mp4", 4.0, 2.0, 16_000).samples) == 32_000


def test_mono_and_8_khz(hostile: Path):
    wave = read(hostile / "mono8k.mp4", 0.0, 1.0, 16_000)
    assert len(wave.samples) == 16_000
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert spectrum[4200:].max() < 0.01 * spectrum.max()  # nothing above the source's 4 kHz


def test_silence_absence_and_no_stream_are_three_things(hostile: Path):
    silent = read(hostile / "silent_audio.mp4", 0.0, 4.0, 16_000)
    assert (len(silent.samples), float(np.abs(silent.samples).max())) == (64_000, 0.0)
    beyond = wave_of(hostile / "audio_shorter.mp4", 3.0, 2.0, rate_hz=16_000)
    assert beyond == NoSound("no sound inside the span")
    assert wave_of(hostile / "noaudio.mp4", 0.0, 1.0, rate_hz=16_000) == NoSound("no sound stream")


def test_sound_without_a_picture(hostile: Path):
    assert len(read(hostile / "audioonly.mp4", 0.0, 4.0, 16_000).samples) == 64_000


def test_the_limit_on_decoded_frames_holds_for_sound(tmp_path):
    path = write_sound(tmp_path / "s.mov", ramp(80_000)[None], 8000)
    wave = read(path, 0.0, 10.0, 8000, limits=Limits(1, 20))
    assert wave.partial
    assert 0 < len(wave.samples) < 80_000
    with pytest.raises(DecodeError) as caught:
        read(path, 9.0, 1.0, 8000, limits=Limits(1, 20))
    assert caught.value.status == "too_large"


@pytest.mark.parametrize(("start", "seconds"), [(-1.0, 1.0), (np.nan, 1.0), (0.0, 0.0), (0.0, np.inf)])
def test_spans_that_make_no_sense_are_refused(hostile: Path, start, seconds):
    with pytest.raises(ValueError, match="start"):
        wave_of(hostile / "plain.mp4", start, seconds, rate_hz=8000)


def test_waves_check_themselves():
    with pytest.raises(ValueError, match="samples"):
        Wave(np.array([0.0, np.nan], np.float32), 8000, 0.0, False)
    with pytest.raises(ValueError, match="samples"):
        Wave(np.array([1.5], np.float32), 8000, 0.0, False)
