"""No trace of processing is a label: a probe for "was processed at all" finds nothing where nothing was
forged.

The probe is a logistic regression on statistics of noise, blur, spectrum and level, cross-validated over
clips. Where something was forged it finds it, which shows that it can see.
"""

from functools import cache

import cv2
import numpy as np
import pytest
from materials import RATE_HZ, material, wave
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from telltale import config
from telltale.data.degrade import draw_frame_degradation, draw_wave_degradation
from telltale.data.transforms import augment_wave
from telltale.decode.recode import through_h264
from telltale.forge.pseudo import KINDS, Material, PseudoForgery, forge

CHANCE = (0.35, 0.65)
CLIPS = 40
DEGRADE = config.AugmentSettings(h264_p=0.6, rescale_p=0.4, gamma_p=0.5, sound_codec_p=0.5, band_limit_p=0.5)


def auc(genuine: list[np.ndarray], forged: list[np.ndarray], paired: bool = True) -> float:
    """How well the probe tells forged from genuine statistics, clip k of one from clip k of the other too.

    paired: whether it sees how a clip differs from its twin, and not the clip alone.
    """
    values = np.concatenate([genuine, forged])
    if paired:
        values -= np.tile((values[: len(genuine)] + values[len(genuine) :]) / 2, (2, 1))
        values = values.round(6)  # equal but for the order of a sum
    target, groups = np.repeat([0, 1], len(genuine)), np.tile(np.arange(len(genuine)), 2)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    scores = cross_val_predict(probe, values, target, groups=groups, cv=GroupKFold(5), method="predict_proba")
    return float(roc_auc_score(target, scores[:, 1]))


def of_pixels(frames: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Statistics of the chosen pixels (H, W) of frames: level, noise, blur, blocks, and changes in time."""
    grey = frames.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    residual = np.stack([each - cv2.medianBlur(each, 3) for each in grey])
    detail = np.stack([cv2.Laplacian(each, cv2.CV_32F) for each in grey])
    coarse = np.stack([each - cv2.GaussianBlur(each, (0, 0), 2) for each in grey])
    steps = np.abs(np.diff(grey, axis=0))
    kinds = [frames[..., 0], frames[..., 2], grey, residual, detail, coarse, steps]
    found = [value for each in kinds for value in (each[:, chosen].mean(), each[:, chosen].std() + 1e-6)]
    found += [np.abs(each[:, chosen]).mean() + 1e-6 for each in (residual, detail, coarse)]
    return np.array([*found, *np.log(found[-3:]), found[-2] / found[-1]], np.float64)


def of_sound(samples: np.ndarray) -> np.ndarray:
    """Statistics of samples: level, peak, clicks, the quietest moment, both ends, and the spectrum."""
    parts = np.resize(samples, (len(samples) // 128, 128))
    levels = np.log(np.sqrt(np.square(parts).mean(1)) + 1e-7)
    curve = np.abs(np.diff(samples, 2))
    power = np.square(np.abs(np.fft.rfft(parts * np.hanning(128), axis=1)))
    bands = np.log([each.mean() + 1e-9 for each in np.array_split(power, 10, axis=1)])
    flat = np.log(power + 1e-9).mean() - np.log(power.mean() + 1e-9)
    some = [
        levels.mean(),
        levels.std(),
        levels.min(),
        levels[0],
        levels[-1],
        np.log(np.abs(samples).max() + 1e-6),
    ]
    clicks = [np.log(curve.max() + 1e-6), np.log(curve.max() / (curve.mean() + 1e-9) + 1e-6)]
    return np.array([*some, *clicks, *bands, flat])


@cache
def pairs(names: tuple[str, ...]) -> list[tuple[Material, PseudoForgery]]:
    """Genuine spans and their twins, the kinds in turn."""
    found = []
    for seed in range(CLIPS):
        given, other = material(seed), material(seed + 1000)
        for draw in range(20):
            kind = KINDS[names[seed % len(names)]]
            made = forge(given, (kind,), np.random.default_rng([seed, draw]), other)
            if made is not None:
                found.append((given, made))
                break
    assert len(found) == CLIPS
    return found


def named(*cues: str) -> tuple[str, ...]:
    return tuple(kind.name for kind in KINDS.values() if kind.cue in cues)


@pytest.mark.parametrize("cue", ["picture", "motion"])
@pytest.mark.parametrize("degraded", [False, True])
def test_pixels_that_were_not_forged_tell_nothing(cue: str, degraded: bool) -> None:
    outside, inside, plain, coded = ([], []), ([], []), [], []
    for number, (given, made) in enumerate(pairs(named(cue))):
        assert given.frames is not None and made.frames is not None and made.mask is not None
        touched = made.mask.max(axis=0)
        # What a codec does to a pixel reaches a macroblock far.
        reach = 17 if degraded else 5
        far = cv2.dilate((touched > 0).astype(np.uint8), np.ones((reach, reach))) == 0
        draw = draw_frame_degradation(DEGRADE, np.random.default_rng(number))
        for side, frames in enumerate((given.frames, made.frames)):
            frames = draw(frames) if degraded else frames
            outside[side].append(of_pixels(frames, far))
            inside[side].append(of_pixels(frames, touched > 0.4))
        coded.append(of_pixels(through_h264(given.frames, 24), far))
        plain.append(of_pixels(given.frames, far))
    assert CHANCE[0] < auc(*outside) < CHANCE[1]
    assert auc(*inside) > 0.65
    # If one of the two alone were coded, it would be found.
    assert auc(plain, coded) > 0.95


@pytest.mark.parametrize("degraded", [False, True])
def test_sound_that_was_not_forged_tells_nothing(degraded: bool) -> None:
    outside, inside = ([], []), ([], [])
    for number, (given, made) in enumerate(pairs(named("sound"))):
        assert given.wave is not None and made.wave is not None
        touched = np.zeros(len(given.wave), bool)
        for begin, end in made.seconds:
            touched[round(begin * RATE_HZ) : round(end * RATE_HZ)] = True
        # A codec's frame is as long as this.
        near = np.convolve(touched, np.ones(2049), "same") > 0.5 if degraded else touched
        draw = draw_wave_degradation(DEGRADE, np.random.default_rng(number))
        for side, samples in enumerate((given.wave, made.wave)):
            samples = draw(samples, RATE_HZ) if degraded else samples
            if (~near).sum() > 256:
                outside[side].append(of_sound(samples[~near]))
            inside[side].append(of_sound(samples[touched]))
    assert len(outside[0]) > 10
    assert CHANCE[0] < auc(*outside) < CHANCE[1]
    assert auc(*inside) > 0.65


def test_what_is_out_of_step_leaves_no_trace_in_sound_or_picture() -> None:
    """Neither clicks nor gaps nor loudness tell it. A shift with a gap of silence would be found."""
    for name in ("sound_shifted", "sound_of_another_clip", "sound_of_another_span"):
        found = pairs((name,))
        assert all(made.frames is given.frames for given, made in found)
        # Which of the two sounds is the clip's own is no question of processing: each is seen alone.
        genuine, forged = ([of_sound(each.wave) for each in side] for side in zip(*found, strict=True))
        assert auc(genuine, forged, paired=False) < CHANCE[1], name
    gap = [np.concatenate([np.zeros(2000, np.float32), given.wave[:-2000]]) for given, _ in found]
    assert auc(genuine, [of_sound(each) for each in gap], paired=False) > 0.9


def test_a_twin_in_which_nothing_is_forged_stays_equal() -> None:
    """Through every degradation and the sound's augmentation: a share of 0 leaves nothing to find."""
    given = material(5)
    assert given.frames is not None and given.wave is not None
    loud = DEGRADE.model_copy(update={"gain_p": 1.0, "sound_noise_p": 1.0, "level_p": 0.5})
    for seed in range(6):
        draw = draw_frame_degradation(DEGRADE, np.random.default_rng(seed))
        assert np.array_equal(draw(given.frames), draw(given.frames.copy()))
        waves = [
            augment_wave(each, RATE_HZ, loud, np.random.default_rng(seed)) for each in (given.wave, wave(5))
        ]
        assert np.array_equal(*waves)
