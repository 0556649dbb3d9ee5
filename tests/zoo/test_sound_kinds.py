"""The sound kinds: every one forges, and leaves no trace that has nothing to do with the forgery."""

from dataclasses import replace
from functools import cache

import librosa
import numpy as np
import pytest
from scipy import signal

from telltale.demo.speech import RATE_HZ
from telltale.errors import InputError
from telltale.zoo.sound_kinds import EDITS, SOUND_KINDS, SoundScene, sound_kind
from telltale.zoo.sound_scene import level
from telltale.zoo.sound_trained import train_vocoder
from tests.worlds.sound_scenes import sound_scene

LOCAL = (
    "sound_other_voice_inserted",
    "sound_own_voice_inserted",
    "sound_word_silenced",
    "sound_segment_shifted",
    "voice_part_resynthesised",
    "voice_part_converted",
)


@cache
def scene() -> SoundScene:
    world = sound_scene(1)
    return replace(world, vocoder=train_vocoder(1, [world.longer], 30))


@cache
def forged(name: str, seed: int) -> np.ndarray:
    return SOUND_KINDS[name].forge(np.random.default_rng(seed), scene())


def log_mel(sound: np.ndarray) -> np.ndarray:
    return librosa.power_to_db(
        librosa.feature.melspectrogram(y=sound, sr=RATE_HZ, n_fft=512, hop_length=128, n_mels=64), amin=1e-6
    )


def test_there_are_many_kinds_in_many_families() -> None:
    assert len(SOUND_KINDS) >= 16
    assert len({kind.family for kind in SOUND_KINDS.values()}) >= 5
    assert all(name == kind.name == sound_kind(name).name for name, kind in SOUND_KINDS.items())


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(InputError, match="no sound kind 'voice_of_god': wanted one of voice_mel"):
        sound_kind("voice_of_god")


@pytest.mark.parametrize("name", SOUND_KINDS)
def test_a_kind_forges_and_leaves_the_rest_alone(name: str) -> None:
    genuine = scene().recorded
    for seed in (1, 2):
        sound = forged(name, seed)
        assert sound.shape == genuine.shape and sound.dtype == np.float32
        assert np.isfinite(sound).all() and np.abs(sound).max() < 0.98
        assert abs(20 * np.log10(level(sound) / level(genuine))) < 0.5
        assert abs(sound.mean() - genuine.mean()) < 1e-4
        # The first and the last samples do not jump more than the sound does elsewhere.
        edges = np.abs(np.diff(sound))[[0, 1, -2, -1]]
        assert edges.max() <= np.abs(np.diff(genuine)).max()
        assert np.abs(log_mel(sound) - log_mel(genuine)).mean() > 0.3
    again = SOUND_KINDS[name].forge(np.random.default_rng(1), scene())
    assert np.array_equal(again, forged(name, 1)) and not np.array_equal(again, forged(name, 2))


@pytest.mark.parametrize("name", SOUND_KINDS)
def test_no_kind_empties_the_highest_band_or_the_pauses(name: str) -> None:
    def quietest(sound: np.ndarray) -> np.ndarray:
        """The 5 % quantile of the power in dB, of the whole and of the band above 10 kHz."""
        power = np.abs(librosa.stft(sound, n_fft=512)) ** 2
        parts = power.sum(axis=0), power[-24:].sum(axis=0)
        return 10 * np.log10([np.quantile(part, 0.05) for part in parts])

    genuine = quietest(scene().longer)
    for seed in (1, 2):
        assert (quietest(forged(name, seed)) > genuine - 6).all()


@pytest.mark.parametrize("name", [name for name in SOUND_KINDS if name.startswith("voice_")])
def test_the_level_of_pauses_is_no_trace(name: str) -> None:
    """Pulses without a high-pass left an offset in the pauses of `voice_lpc`, 5 to 13 dB above the room."""

    def quiet_db(sound: np.ndarray) -> float:
        power = np.square(sound[: len(sound) // 441 * 441].reshape(-1, 441)).mean(axis=1)
        return float(10 * np.log10(np.quantile(power, 0.05)))

    assert abs(quiet_db(forged(name, 1)) - quiet_db(scene().recorded)) < 1.5


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_kind_changes_one_stretch_only(name: str) -> None:
    genuine, sound = scene().recorded, forged(name, 1)
    # The last step scales all of the sound to the recording's level.
    gain = np.dot(genuine[:800], sound[:800]) / np.dot(genuine[:800], genuine[:800])
    changed = np.flatnonzero(np.abs(sound / gain - genuine) > 1e-3)
    share = (changed[-1] - changed[0]) / len(genuine)
    assert 0.05 < share < 0.7


@pytest.mark.parametrize("name", ["sound_part_deleted", "sound_part_repeated"])
def test_a_cut_moves_what_follows(name: str) -> None:
    around, sound, margin = scene().around, forged(name, 1), scene().margin
    assert offset_of(sound[:3000], around) == margin
    end = offset_of(sound[-3000:], around) - (len(sound) - 3000)
    assert end > margin if name == "sound_part_deleted" else end < margin


def offset_of(piece: np.ndarray, sound: np.ndarray) -> int:
    """Where `piece` lies in `sound`, up to its level."""
    energy = np.cumsum(np.concatenate([[0.0], np.square(sound, dtype=np.float64)]))
    norms = np.sqrt(energy[len(piece) :] - energy[: -len(piece)])
    match = signal.fftconvolve(sound.astype(np.float64), piece[::-1], "valid") / norms
    at = int(np.argmax(match))
    assert match[at] / np.linalg.norm(piece) > 0.99
    return at


def test_shifted_sound_is_a_part_of_the_longer_recording() -> None:
    moves = set()
    for seed in range(6):
        sound = SOUND_KINDS["sound_late_or_early"].forge(np.random.default_rng(seed), scene())
        move = offset_of(sound[5000:8000], scene().longer) - 5000 - scene().margin
        assert 0.11 * RATE_HZ < abs(move) < 0.86 * RATE_HZ
        moves.add(np.sign(move))
        part = scene().longer[scene().margin + move :][: len(sound)]
        assert np.corrcoef(part, sound)[0, 1] > 0.9999
    assert moves == {-1, 1}


def test_the_other_voice_is_the_other_recording() -> None:
    sound = forged("sound_of_other_person", 1)
    assert offset_of(sound[4000:7000], scene().other) >= 0


def test_edits_have_no_vocoder_in_them() -> None:
    """Every stretch of a reordered sound is found in the recording."""
    sound = forged("sound_reordered", 1)
    found = 0
    for start in range(0, len(sound) - 1500, 1500):
        try:
            offset_of(sound[start : start + 1500], scene().around)
            found += 1
        except AssertionError:
            continue  # a seam
    assert found >= 0.6 * (len(sound) // 1500 - 1)
    assert "sound_reordered" in EDITS["replacement"]


@pytest.mark.parametrize("name", SOUND_KINDS)
def test_short_sound_with_short_margins_is_forged_too(name: str) -> None:
    whole = sound_scene(1)
    count, m = round(0.6 * RATE_HZ) + 1, 2000
    small = SoundScene(whole.longer[m : m + count], whole.longer[: count + 2 * m], whole.other[:count])
    sound = SOUND_KINDS[name].forge(np.random.default_rng(3), replace(small, vocoder=scene().vocoder))
    assert sound.shape == (count,) and np.isfinite(sound).all()


def test_recordings_of_wrong_lengths_are_refused() -> None:
    long = np.zeros(20_000, np.float32)
    with pytest.raises(InputError, match="SoundScene.other has 19999 samples"):
        SoundScene(long, long, long[1:])
    with pytest.raises(InputError, match="SoundScene.recorded has 900 samples"):
        SoundScene(long[:900], long, long)
    with pytest.raises(InputError, match="SoundScene.longer has shape"):
        SoundScene(long, long[None], long)


def test_the_trained_kind_needs_weights() -> None:
    with pytest.raises(InputError, match="SoundScene.vocoder is None"):
        SOUND_KINDS["voice_trained_vocoder"].forge(np.random.default_rng(1), sound_scene(1))
