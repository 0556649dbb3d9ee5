"""Codecs in memory: what comes back is what went in, in step, and worse by as much as was asked for."""

import numpy as np
import pytest
from materials import frames, wave

from telltale.decode.recode import RATES_HZ, through_h264, through_sound_codec
from telltale.errors import InputError


def test_h264_keeps_the_frames_in_order_and_any_size() -> None:
    pixels = frames(side=48, count=6)
    for given in (pixels, pixels[:, :31, :45], pixels[:1]):
        before = given.tobytes()
        fine, coarse = through_h264(given, 12), through_h264(given, 45)
        assert fine.shape == given.shape and fine.dtype == np.uint8 and given.tobytes() == before
        errors = [np.abs(each.astype(int) - given).mean() for each in (fine, coarse)]
        assert 0 < errors[0] < 8 < errors[1] < 40
        assert np.array_equal(through_h264(given, 12), fine)
    # Each frame is nearest to itself.
    bright = np.stack([np.full((32, 32, 3), level, np.uint8) for level in range(40, 220, 20)])
    assert np.abs(through_h264(bright, 20).astype(int) - bright).max() < 10


@pytest.mark.parametrize("codec", ["aac", "mp3"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sound_codec_keeps_time_and_length(codec: str, rate_hz: int) -> None:
    for seconds in (0.5, 0.01):
        given = wave(3, seconds, rate_hz)
        before = given.tobytes()
        made = through_sound_codec(given, rate_hz, codec, 64_000)  # type: ignore[arg-type]
        assert made.shape == given.shape and made.dtype == np.float32 and given.tobytes() == before
        assert np.array_equal(through_sound_codec(given, rate_hz, codec, 64_000), made)  # type: ignore[arg-type]
        if seconds < 0.1:
            continue
        lags = range(-40, 41)
        alike = [float(np.dot(np.roll(given, lag), made)) for lag in lags]
        assert lags[int(np.argmax(alike))] == 0
        assert np.square(made - given).mean() < 0.1 * np.square(given).mean()


def test_fewer_bits_are_worse_sound() -> None:
    given = wave(4, 1.0, 16_000)
    for codec in ("aac", "mp3"):
        errors = [
            float(np.square(through_sound_codec(given, 16_000, codec, bits) - given).mean())  # type: ignore[arg-type]
            for bits in (24_000, 96_000)
        ]
        assert 0 < errors[1] < errors[0]


def test_no_sound_stays_none_and_a_strange_rate_is_named() -> None:
    assert through_sound_codec(np.zeros(0, np.float32), 16_000, "aac", 64_000).shape == (0,)
    assert not through_sound_codec(np.zeros(4000, np.float32), 16_000, "mp3", 64_000).any()
    with pytest.raises(
        InputError, match="sound of 10000 Hz cannot be compressed; wanted a mel.rate_hz of 8000"
    ):
        through_sound_codec(np.zeros(10, np.float32), 10_000, "aac", 64_000)
