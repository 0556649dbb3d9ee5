"""Changes of a clip: pure, equal on all frames, each one doing what its name says."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from telltale import config
from telltale.data.transforms import augment_frames, augment_wave, fit, mask_mel

PICTURE = ["flip_p", "crop_p", "jpeg_p", "blur_p", "noise_p", "colour_p"]
PICTURE += ["vertical_flip_p", "rotate90_p", "affine_p", "grey_p", "border_crop_p"]
OFF = dict.fromkeys([*PICTURE, "gain_p", "sound_noise_p", "mel_mask_p"], 0.0)


def settings(**values: object) -> config.AugmentSettings:
    """Everything off but `values`."""
    return config.AugmentSettings(**{**OFF, **values})


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def clip() -> np.ndarray:
    """Four different frames of smooth shapes, uint8 (4, 48, 48, 3), which nobody may write to."""
    y, x = np.mgrid[:48, :48] / 48
    frames = [np.stack([np.sin(6 * x + k), np.cos(5 * y + k), np.sin(9 * x * y)], -1) for k in range(4)]
    pixels = (127 * (1 + np.stack(frames))).astype(np.uint8)
    pixels.setflags(write=False)
    return pixels


@pytest.mark.parametrize("name", PICTURE)
def test_each_picture_change_is_equal_on_all_frames(clip: np.ndarray, name: str):
    seed = 2  # one that turns by a right angle or two, not by none
    changed = augment_frames(clip, settings(**{name: 1.0}), rng(seed))
    assert changed.shape == clip.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, clip)
    # Each frame changed as it would be alone: no parameter, nor the noise, is drawn anew for a frame.
    for k in range(4):
        assert np.array_equal(
            augment_frames(clip[k : k + 1], settings(**{name: 1.0}), rng(seed))[0], changed[k]
        )
    if name not in ("flip_p", "vertical_flip_p", "grey_p"):
        assert any(
            not np.array_equal(augment_frames(clip, settings(**{name: 1.0}), rng(s)), changed)
            for s in range(5)
        )


def test_same_state_gives_the_same_clip_and_moves_on(clip: np.ndarray):
    everything = config.AugmentSettings(**dict.fromkeys(PICTURE, 1.0))
    one, other = rng(7), rng(7)
    first = augment_frames(clip, everything, one)
    augment_frames(clip[:2, :32, :32], everything, rng(3))  # another clip between leaves no trace
    assert np.array_equal(augment_frames(clip, everything, other), first)
    assert one.bit_generator.state == other.bit_generator.state
    assert not np.array_equal(augment_frames(clip, everything, one), first)


def test_no_ambient_randomness(clip: np.ndarray):
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    augment_frames(clip, config.AugmentSettings(**dict.fromkeys(PICTURE, 1.0)), rng())
    assert np.array_equal(np.random.get_state()[1], before)  # type: ignore[index]


def test_flip_mirrors_and_off_changes_nothing(clip: np.ndarray):
    assert np.array_equal(augment_frames(clip, settings(flip_p=1.0), rng()), clip[:, :, ::-1])
    assert np.array_equal(augment_frames(clip, settings(), rng()), clip)


def test_cropped_borders_leave_no_trace_of_the_edge(clip: np.ndarray):
    bordered = clip.copy()
    bordered[:, [0, -1]] = bordered[:, :, [0, -1]] = 0
    for seed in range(10):
        plain = augment_frames(clip, settings(border_crop_p=1.0), rng(seed))
        assert np.array_equal(augment_frames(bordered, settings(border_crop_p=1.0), rng(seed)), plain)


def test_poses_and_grey_are_what_their_names_say(clip: np.ndarray):
    assert np.array_equal(augment_frames(clip, settings(vertical_flip_p=1.0), rng()), clip[:, ::-1])
    turned = [augment_frames(clip, settings(rotate90_p=1.0), rng(seed)) for seed in range(20)]
    seen = [[k for k in range(4) if np.array_equal(each, np.rot90(clip, k, (1, 2)))] for each in turned]
    assert all(len(each) == 1 for each in seen)
    assert {each[0] for each in seen} == {0, 1, 2, 3}
    grey = augment_frames(clip, settings(grey_p=1.0), rng())
    assert np.ptp(grey, axis=-1).max() == 0
    assert np.abs(grey[..., 0] - clip @ [0.299, 0.587, 0.114]).max() <= 1


def test_an_affine_change_shifts_scales_and_turns_within_its_limits_over_black():
    """A bright square of 40 pixels in the middle of 160: its corners say how it was changed."""
    pixels = np.zeros((1, 160, 160, 3), np.uint8)
    pixels[:, 60:100, 60:100] = 255
    shifts, sides, angles = [], [], []
    for seed in range(40):
        out = augment_frames(pixels, settings(affine_p=1.0), rng(seed))[0, ..., 0]
        (x, y), (width, height), angle = cv2.minAreaRect(np.argwhere(out > 127)[:, ::-1].astype(np.float32))
        assert width == pytest.approx(height, abs=2)
        shifts += [abs(x - 79.5), abs(y - 79.5)]
        sides.append((width + 1) / 40)
        angles.append(angle % 90)
    assert 6 < max(shifts) < 11.5
    assert 0.77 < min(sides) < 0.9
    assert 1.1 < max(sides) < 1.25
    assert np.ptp(angles) > 60


def test_jpeg_is_coded_with_a_quality_of_the_given_range(clip: np.ndarray):
    changed = augment_frames(clip[:1], settings(jpeg_p=1.0, jpeg_low=7, jpeg_high=7), rng())[0]
    code = cv2.imencode(".jpg", np.ascontiguousarray(clip[0, ..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 7])[1]
    assert np.array_equal(cv2.imdecode(code, 1)[..., ::-1], changed)
    with pytest.raises(ValidationError, match="wanted jpeg_low <= jpeg_high, got 90, 60"):
        config.AugmentSettings(jpeg_low=90, jpeg_high=60)


def test_changes_are_drawn_independently():
    """One seed for every transform of albumentations would give all flipped clips a blur and no other: found
    in its 2.0.8."""
    left, ramp = np.zeros((1, 32, 32, 3), np.uint8), np.linspace(0, 255, 32).astype(np.uint8)
    left[:] = ramp[None, None, :, None]
    seen = set()
    for seed in range(40):
        changed = augment_frames(left, settings(flip_p=0.5, noise_p=0.5), rng(seed)).astype(int)
        flipped = changed[..., :8, :].mean() > changed[..., -8:, :].mean()
        noisy = len(np.unique(changed[0, :, 16])) > 1
        seen.add((bool(flipped), noisy))
    assert seen == {(False, False), (False, True), (True, False), (True, True)}


def test_crop_keeps_at_least_its_share_of_the_area():
    """On a picture whose red is x and green is y, the range of the crop tells its size."""
    y, x = np.mgrid[:100, :100]
    pixels = np.stack([x, y, 0 * x], -1).astype(np.uint8)[None]
    shares = []
    for seed in range(30):
        out = augment_frames(pixels, settings(crop_p=1.0, crop_scale=0.5), rng(seed)).astype(int)
        width, height = np.ptp(out[..., 0]) + 1, np.ptp(out[..., 1]) + 1
        shares.append(width * height / 1e4)
        assert 0.85 < width / height < 1.15
    assert min(shares) > 0.47
    assert min(shares) < 0.65 < 0.85 < max(shares)


def test_jpeg_is_jpeg_of_the_picture_in_its_own_colours(clip: np.ndarray):
    changed = augment_frames(clip, settings(jpeg_p=1.0), rng())
    qualities = []
    for frame, out in zip(clip, changed, strict=True):
        blue_first = np.ascontiguousarray(frame[..., ::-1])
        codes = [cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, q])[1] for q in range(30, 96)]
        qualities.append(
            [30 + i for i, code in enumerate(codes) if np.array_equal(cv2.imdecode(code, 1)[..., ::-1], out)]
        )
    assert qualities[0]
    assert all(quality == qualities[0] for quality in qualities)


def test_fit_takes_the_centre_square():
    pixels = np.zeros((2, 30, 50, 3), np.uint8)
    pixels[:, :, 10:40] = 200
    assert np.array_equal(fit(pixels, 30), np.full((2, 30, 30, 3), 200, np.uint8))
    assert np.array_equal(fit(pixels.transpose(0, 2, 1, 3), 16), np.full((2, 16, 16, 3), 200, np.uint8))
    assert fit(pixels, 64).shape == (2, 64, 64, 3)
    assert fit(pixels, 30).flags.c_contiguous


def test_fit_halves_by_the_mean_of_four_pixels(clip: np.ndarray):
    blocks = clip.reshape(4, 24, 2, 24, 2, 3).mean((2, 4))
    assert np.abs(fit(clip, 24) - blocks).max() <= 0.5
    assert np.array_equal(fit(clip, 48), clip)


def test_gain_is_within_6_db_and_nothing_else():
    sound = rng(3).standard_normal(8_000).astype(np.float32)
    sound.setflags(write=False)
    gains = []
    for seed in range(40):
        changed = augment_wave(sound, 16_000, settings(gain_p=1.0), rng(seed))
        assert changed.dtype == np.float32
        ratio = changed / sound
        assert np.ptp(ratio) < 1e-5
        gains.append(20 * np.log10(ratio.mean()))
    assert -6.01 < min(gains) < -4
    assert 4 < max(gains) < 6.01
    assert np.array_equal(augment_wave(sound, 16_000, settings(), rng()), sound)


def test_noise_lies_10_to_40_db_below_the_sound():
    sound = np.sin(np.arange(16_000) / 5).astype(np.float32)
    ratios, tops = [], []
    for seed in range(30):
        noise = augment_wave(sound, 16_000, settings(sound_noise_p=1.0), rng(seed)) - sound
        ratios.append(10 * np.log10(np.mean(sound**2) / np.mean(noise**2)))
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        tops.append(spectrum[4_000:].sum() / spectrum.sum())
    assert 9.99 < min(ratios) < 15
    assert 35 < max(ratios) < 40.01
    assert min(tops) < 0.1 < 0.25 < max(tops)  # from a rumble to a hiss
    again = augment_wave(sound, 16_000, settings(sound_noise_p=1.0), rng(29)) - sound
    assert np.array_equal(again, noise)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_silence_stays_silent(length: int):
    changed = augment_wave(
        np.zeros(length, np.float32), 8_000, settings(gain_p=1.0, sound_noise_p=1.0), rng()
    )
    assert np.array_equal(changed, np.zeros(length, np.float32))


def test_mask_is_one_band_and_one_stretch_of_the_mean():
    mel = rng(5).uniform(-100, 0, (64, 200)).astype(np.float32)
    mel.setflags(write=False)
    for seed in range(20):
        masked = mask_mel(mel, settings(mel_mask_p=1.0), rng(seed))
        assert masked.dtype == np.float32
        hidden = masked == mel.mean()
        assert np.array_equal(masked[~hidden], mel[~hidden])
        bands, columns = np.flatnonzero(hidden.all(1)), np.flatnonzero(hidden.all(0))
        assert 1 <= len(bands) <= 8
        assert 1 <= len(columns) <= 25
        assert np.ptp(bands) == len(bands) - 1
        assert np.ptp(columns) == len(columns) - 1
        assert hidden.sum() == hidden[bands].sum() + hidden[:, columns].sum() - len(bands) * len(columns)
    assert mask_mel(mel, settings(), rng()) is mel
    assert mask_mel(mel[:1, :1], settings(mel_mask_p=1.0), rng()).shape == (1, 1)


def test_augmenting_says_nothing_and_asks_no_network():
    """In a process of its own, where a connection would raise and any warning is an error."""
    program = """
import socket
def refuse(*_): raise SystemExit("a connection was tried")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from telltale import config
from telltale.data import transforms
frames = np.zeros((2, 32, 32, 3), np.uint8)
transforms.augment_frames(frames, config.AugmentSettings(), np.random.default_rng(1))
"""
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
