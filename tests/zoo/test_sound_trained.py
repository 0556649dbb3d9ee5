"""The trained vocoder: it learns, equal seeds give equal weights, and its sound resembles the recording."""

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.zoo.sound_spectra import analyse
from telltale.zoo.sound_trained import train_vocoder, vocode, vocoder_loss
from tests.worlds.sound_scenes import sound_scene


def test_training_lowers_the_loss_and_is_repeatable() -> None:
    speech = [sound_scene(seed).recorded for seed in (1, 2)]
    before, after = train_vocoder(5, speech, 0), train_vocoder(5, iter(speech), 60)
    assert vocoder_loss(after, [sound_scene(3).recorded]) < 0.7 * vocoder_loss(
        before, [sound_scene(3).recorded]
    )
    again, other = train_vocoder(5, speech, 60), train_vocoder(6, speech, 60)
    assert all(np.array_equal(after[name], again[name]) for name in after)
    assert any(not np.array_equal(after[name], other[name]) for name in after)
    assert all(weight.dtype == np.float32 for weight in after.values())

    sound = sound_scene(3).recorded
    remade = vocode(np.random.default_rng(1), sound, after)
    assert remade.shape == sound.shape and remade.dtype == np.float32
    logs = [np.log(np.abs(analyse(x, 512)) + 1e-3).ravel() for x in (sound, remade)]
    assert np.corrcoef(logs)[0, 1] > 0.85


def test_no_speech_is_refused() -> None:
    with pytest.raises(InputError, match=r"no recording of 0\.4 s or more"):
        train_vocoder(1, [np.zeros(900, np.float32)], 5)
