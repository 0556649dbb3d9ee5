"""What the probes measure, on sound and pictures with known answers."""

import numpy as np
import pytest

from telltale.study.probe_picture import first_look, mean_look, picture_facts
from telltale.study.probe_sound import SPECTRUM, sound_facts

RATE = 16_000


def noise(seconds: float, level: float = 0.1, seed: int = 1) -> np.ndarray:
    return (
        (np.random.default_rng(seed).normal(size=round(seconds * RATE)) * level)
        .clip(-1, 1)
        .astype(np.float32)
    )


def test_silence_and_loudness_are_measured():
    sound = np.concatenate([np.zeros(RATE // 2, np.float32), noise(1.0), np.zeros(RATE // 4, np.float32)])
    facts, spectrum = sound_facts(sound, RATE)
    assert facts["leading.seconds"] == pytest.approx(0.5, abs=0.011)
    assert facts["trailing.seconds"] == pytest.approx(0.25, abs=0.011)
    assert facts["loudness.loud_db"] == pytest.approx(-20, abs=0.5)
    assert facts["loudness.floor_db"] == -120
    assert spectrum.shape == (SPECTRUM,) and np.isfinite(spectrum).all()


def test_digital_silence_has_numbers_too():
    facts, spectrum = sound_facts(np.zeros(RATE, np.float32), RATE)
    assert facts["leading.seconds"] == 1.0 and facts["loudness.rms_db"] == -120
    assert np.isfinite(list(facts.values())).all() and np.isfinite(spectrum).all()


def test_the_band_limit_is_where_the_sound_ends():
    from scipy.signal import butter, sosfilt

    low = sosfilt(butter(12, 3000, fs=RATE, output="sos"), noise(2.0)).astype(np.float32)
    facts, _ = sound_facts(low, RATE)
    assert 2700 < facts["band.most_hz"] < 3300
    assert sound_facts(noise(2.0), RATE)[0]["band.most_hz"] > 7500


def frames(seed: int = 1) -> np.ndarray:
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, size=(3, 12, 16, 3), dtype=np.uint8)
    return np.stack([cv2.resize(each, (96, 72), interpolation=cv2.INTER_CUBIC) for each in coarse])


def test_a_border_of_one_pixel_is_seen_on_its_side():
    plain, bordered = frames(), frames()
    bordered[:, 0] = 0
    before, after = picture_facts(plain), picture_facts(bordered)
    assert after["borders.top_rows"] == 1 and before["borders.top_rows"] == 0
    assert after["borders.top_contrast"] < -40 and after["borders.top_step"] > before["borders.top_step"] + 1
    for name in before:
        if not name.startswith(("borders.top", "borders.left", "borders.right")):
            assert after[name] == before[name], name


def test_blur_noise_and_blocks_are_seen_outside_the_face_only():
    import cv2

    plain, forged = frames(), frames()
    forged[:, 24:48, 32:64] = cv2.GaussianBlur(forged[0, 24:48, 32:64], (0, 0), 3)
    names = [name for name in picture_facts(plain) if name.startswith(("blur", "noise", "compression"))]
    assert len(names) == 6
    assert all(picture_facts(forged)[name] == picture_facts(plain)[name] for name in names)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in plain])
    assert picture_facts(blurred)["blur.laplacian"] < picture_facts(plain)["blur.laplacian"] - 1
    coded = [cv2.imdecode(cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 5])[1], 1) for f in plain]
    blocks = picture_facts(np.stack(coded))
    assert blocks["compression.columns"] > picture_facts(plain)["compression.columns"] + 0.3
    grain = (plain + np.random.default_rng(1).normal(0, 6, plain.shape)).clip(0, 255).astype(np.uint8)
    assert picture_facts(grain)["noise.median"] > picture_facts(plain)["noise.median"] + 2


def test_small_pictures_have_numbers():
    for side in (1, 3, 7, 8, 20):
        small = np.full((2, side, side + 1, 3), 90, np.uint8)
        assert np.isfinite(list(picture_facts(small).values())).all()
        assert np.isfinite(first_look(small[0])).all() and np.isfinite(mean_look(small)).all()
