"""log_mel against librosa's own functions: sums in another order, so the last bit of float32 at 100 dB may
differ, no more."""

from pathlib import Path

import av
import librosa
import numpy as np
import pytest

from telltale import config
from telltale.data.mel import linear_bank, log_mel, n_columns, n_rows
from telltale.errors import InputError

SETTINGS = [
    config.MelSettings(),
    config.MelSettings(rate_hz=44_100, n_fft=2048, hop_length=441, n_mels=64, fmin_hz=0.0, fmax_hz=20_000.0),
]


def by_librosa(samples: np.ndarray, settings: config.MelSettings) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=settings.rate_hz,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin_hz,
        fmax=settings.fmax_hz,
        power=2.0,
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)


def noise(samples: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(1).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_librosa_on_noise(settings: config.MelSettings):
    samples = noise(2 * settings.rate_hz)
    image = log_mel(samples, settings, 2.0)
    assert image.dtype == np.float32
    assert image.shape == (settings.n_mels, n_columns(settings, 2.0))
    np.testing.assert_allclose(image, by_librosa(samples, settings), rtol=0, atol=1e-4)


def test_equals_librosa_on_a_real_clip(clips: Path):
    sound = np.zeros(0, np.float32)
    for path in sorted((clips / "train").glob("*.mp4")):
        with av.open(path) as container:
            if container.streams.audio:
                sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).astype(
                    np.float32
                )
                break
    settings = config.MelSettings()
    span = sound[: 2 * settings.rate_hz]
    assert len(span) == 2 * settings.rate_hz
    assert np.ptp(span) > 0
    np.testing.assert_allclose(log_mel(sound, settings, 2.0), by_librosa(span, settings), rtol=0, atol=1e-4)


def test_quiet_bands_beside_a_loud_tone_equal_librosa():
    """What a transform in single precision would get wrong by some hundredths of a dB."""
    settings = config.MelSettings()
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000) + 1e-6 * np.random.default_rng(
        2
    ).standard_normal(16_000)
    image = log_mel(tone.astype(np.float32), settings, 1.0)
    assert image[:, 10:50].max() - image[:, 10:50].min() > 100
    np.testing.assert_allclose(image, by_librosa(tone.astype(np.float32), settings), rtol=0, atol=1e-4)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_refused(wrong: float):
    samples = noise(16_000)
    samples[[3, 5]] = wrong
    with pytest.raises(InputError, match="2 of 16000 samples"):
        log_mel(samples, config.MelSettings(), 1.0)


@pytest.mark.parametrize("length", [0, 1, 5_000, 15_999, 16_000, 40_000])
def test_sound_is_padded_with_silence_or_cut(length: int):
    samples = noise(length)
    before = samples.copy()
    padded = np.zeros(16_000, np.float32)
    padded[: min(length, 16_000)] = samples[:16_000]
    np.testing.assert_allclose(
        log_mel(samples, config.MelSettings(), 1.0),
        by_librosa(padded, config.MelSettings()),
        rtol=0,
        atol=1e-4,
    )
    assert np.array_equal(samples, before)


def test_silence_is_minus_100_db_and_a_tone_peaks_in_its_own_band():
    settings = config.MelSettings()
    assert np.allclose(log_mel(np.zeros(8_000, np.float32), settings, 0.5), -100.0, atol=1e-4)
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = int(log_mel(tone, settings, 1.0)[:, 30].argmax())
    centres = librosa.mel_frequencies(settings.n_mels + 2, fmin=settings.fmin_hz, fmax=settings.fmax_hz)[1:-1]
    assert abs(centres[loudest] - 1_000) < 30


@pytest.mark.parametrize("seconds", [0.1, 0.333, 1.0, 3.9999, 4.0])
@pytest.mark.parametrize("settings", SETTINGS)
def test_n_columns_is_the_image_s_width(settings: config.MelSettings, seconds: float):
    assert log_mel(noise(10), settings, seconds).shape[1] == n_columns(settings, seconds)


def test_each_settings_value_counts():
    samples, reference = noise(16_000), log_mel(noise(16_000), config.MelSettings(), 1.0)
    for other in (
        config.MelSettings(fmin_hz=50.0),
        config.MelSettings(fmax_hz=7_000.0),
        config.MelSettings(n_fft=512),
    ):
        assert not np.array_equal(log_mel(samples, other, 1.0), reference)
    assert np.array_equal(log_mel(samples, config.MelSettings(), 1.0), reference)


LINEAR = config.MelSettings(n_fft=512, linear_bands=40)  # of 200 Hz each


@pytest.mark.parametrize("tone_hz", [100.0, 1_500.0, 3_900.0, 7_100.0])
def test_a_tone_lands_in_its_linear_band(tone_hz: float):
    tone = np.sin(2 * np.pi * tone_hz * np.arange(16_000) / 16_000).astype(np.float32)
    image = log_mel(tone, LINEAR, 1.0)
    assert image.shape == (n_rows(LINEAR), n_columns(LINEAR, 1.0)) and n_rows(LINEAR) == 168
    assert int(image[128:, 30].argmax()) == tone_hz // 200


def test_linear_bands_leave_the_mel_rows_their_bits():
    samples, plain = noise(16_000), config.MelSettings(n_fft=512)
    assert np.array_equal(log_mel(samples, LINEAR, 1.0)[:128], log_mel(samples, plain, 1.0))
    assert n_rows(plain) == 128


def test_linear_bands_share_out_every_bin_and_noise_is_as_loud_as_in_mel_bands():
    for bands in (1, 7, 40, 400):  # 400: narrower than a bin
        bank = linear_bank(config.MelSettings(n_fft=512, linear_bands=bands))
        width = 8_000 / bands
        shares = bank.sum(0) * width
        np.testing.assert_allclose(shares[1:-1], 1.0)
        np.testing.assert_allclose(shares[[0, -1]], 0.5)  # the half of these bins that is in the spectrum
    loud = log_mel(noise(64_000), LINEAR, 4.0).mean(1)
    assert abs(loud[100:128].mean() - loud[135:].mean()) < 0.5
