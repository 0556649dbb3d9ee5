"""Degradations: off by default, one draw for all, each does what its name says, each clip is coded alone."""

import numpy as np
import pytest
from materials import RATE_HZ, frames, wave

from telltale import config
from telltale.data import transforms
from telltale.data.degrade import (
    FrameDegradation,
    WaveDegradation,
    draw_frame_degradation,
    draw_wave_degradation,
)
from telltale.data.transforms import augment_frames, augment_wave
from telltale.errors import InputError

OFF = {
    **dict.fromkeys(
        ("flip_p", "crop_p", "jpeg_p", "blur_p", "noise_p", "colour_p", "gain_p", "sound_noise_p"), 0.0
    )
}
PICTURE, SOUND = ("h264_p", "rescale_p", "gamma_p"), ("sound_codec_p", "band_limit_p")


def settings(**values: float) -> config.AugmentSettings:
    return config.AugmentSettings(**{**OFF, **values})  # type: ignore[arg-type]


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_off_by_default_and_then_nothing_is_drawn() -> None:
    pixels, sound, draws = frames(), wave(), rng()
    before = draws.bit_generator.state
    plain = config.AugmentSettings()
    assert draw_frame_degradation(plain, draws) == FrameDegradation()
    assert draw_wave_degradation(plain, draws) == WaveDegradation()
    assert draws.bit_generator.state == before
    assert np.array_equal(FrameDegradation()(pixels), pixels)
    assert np.array_equal(WaveDegradation()(sound, RATE_HZ), sound)
    assert np.array_equal(augment_frames(pixels, settings(), rng()), pixels)
    assert np.array_equal(augment_wave(sound, RATE_HZ, settings(), rng()), sound)


@pytest.mark.parametrize("name", PICTURE)
def test_frames_change_alike_for_a_clip_and_its_twin(name: str) -> None:
    pixels = frames()
    both = np.concatenate([pixels, pixels])
    before = pixels.tobytes()
    alone = [augment_frames(pixels, settings(**{name: 1.0}), rng(seed)) for seed in range(4)]
    assert pixels.tobytes() == before
    assert len({each.tobytes() for each in alone}) == 4
    for seed, each in enumerate(alone):
        assert each.shape == pixels.shape and each.dtype == np.uint8
        assert 0.1 < np.abs(each.astype(int) - pixels).mean() < 60
        together = augment_frames(both, settings(**{name: 1.0}), rng(seed), clips=2)
        assert np.array_equal(together[: len(pixels)], each)
        assert np.array_equal(together[len(pixels) :], each)
        degradation = draw_frame_degradation(settings(**{name: 1.0}), rng(seed))
        assert np.array_equal(degradation(pixels), each)


def test_gamma_scale_and_quantiser_are_within_their_limits() -> None:
    draws = [
        draw_frame_degradation(settings(gamma_p=1.0, rescale_p=1.0, h264_p=0.5), rng(s)) for s in range(200)
    ]
    gammas = [each.gamma for each in draws if each.gamma]
    shares = [each.share for each in draws if each.share]
    quantisers = [each.quantiser for each in draws if each.quantiser]
    assert len(gammas) == len(shares) == 200 and 70 < len(quantisers) < 130
    assert 0.7 <= min(gammas) < 0.75 and 1.33 < max(gammas) <= 1.4
    assert 0.4 <= min(shares) < 0.42 and 0.88 < max(shares) <= 0.9
    assert (min(quantisers), max(quantisers)) == (18, 32)
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (1, 256, 256)).copy()
    ramp = np.repeat(ramp[..., None], 3, -1)
    toned = FrameDegradation(gamma=1.4)(ramp)[0, :, 0, 0]
    assert toned[0] == 0 and toned[255] == 255 and toned[128] == round(255 * (128 / 255) ** 1.4)
    detail = [
        np.abs(np.diff(FrameDegradation(share=share)(frames()).astype(int))).mean() for share in (0.4, 0.9)
    ]
    assert detail[0] < detail[1] < np.abs(np.diff(frames().astype(int))).mean()


@pytest.mark.parametrize("name", SOUND)
def test_two_waves_are_changed_alike_by_equal_generators(name: str) -> None:
    sound = wave()
    twin = sound.copy()
    twin[4000:6000] = wave(2)[4000:6000]
    before = sound.tobytes()
    some = settings(**{name: 1.0}, gain_p=1.0, sound_noise_p=1.0)
    for seed in range(4):
        one, two = rng(seed), rng(seed)
        a, b = augment_wave(sound, RATE_HZ, some, one), augment_wave(twin, RATE_HZ, some, two)
        assert one.bit_generator.state == two.bit_generator.state
        assert a.shape == b.shape == sound.shape and a.dtype == np.float32
        assert np.abs(a - b)[7500:].max() < 0.02 < np.abs(a - b)[4000:6000].max()
        assert not np.array_equal(
            a, augment_wave(sound, RATE_HZ, settings(gain_p=1.0, sound_noise_p=1.0), rng(seed))
        )
    assert sound.tobytes() == before


def test_the_band_ends_where_it_was_drawn_and_the_codec_keeps_time() -> None:
    rate_hz = 16_000
    noise = rng(3).normal(0, 0.1, 2 * rate_hz).astype(np.float32)
    for cut, edge_hz in ((0.0, 3_000), (0.5, 5_100), (1.0, 7_200)):
        power = np.abs(np.fft.rfft(WaveDegradation(cut=cut)(noise, rate_hz))) ** 2
        hz = np.fft.rfftfreq(len(noise), 1 / rate_hz)
        kept = np.abs(np.fft.rfft(noise)) ** 2
        assert power[hz < 0.9 * edge_hz].sum() > 0.98 * kept[hz < 0.9 * edge_hz].sum()
        assert power[hz > 1.2 * edge_hz].sum() < 0.01 * kept[hz > 1.2 * edge_hz].sum() + 1e-9
    # At a low rate the band is cut within what there is.
    assert np.isfinite(WaveDegradation(cut=0.0)(noise, 4_000)).all()
    click = np.zeros(8_000, np.float32)
    click[4_000] = 0.5
    for each in (WaveDegradation(cut=0.3), WaveDegradation(codec="aac", bit_rate=64_000)):
        assert abs(int(np.abs(each(click, rate_hz)).argmax()) - 4_000) <= 1
    for given in (np.zeros(0, np.float32), np.zeros(1, np.float32)):
        assert len(WaveDegradation(cut=0.5, codec="mp3", bit_rate=64_000)(given, rate_hz)) == len(given)
    drawn = [draw_wave_degradation(settings(band_limit_p=1.0, sound_codec_p=1.0), rng(s)) for s in range(50)]
    assert {each.codec for each in drawn} == {"aac", "mp3"}
    assert (
        24_000
        <= min(each.bit_rate for each in drawn)
        < 30_000
        < 80_000
        < max(each.bit_rate for each in drawn)
    )


def test_a_rate_that_no_codec_takes_is_named_before_training() -> None:
    asked = settings(sound_codec_p=0.5, band_limit_p=0.5)
    with pytest.raises(InputError, match="sound of 10000 Hz cannot be compressed"):
        transforms.prepare(asked, ("sound",), 10_000)
    transforms.prepare(asked, ("sound",), 16_000)
    transforms.prepare(settings(band_limit_p=0.5), ("sound",), 10_000)
