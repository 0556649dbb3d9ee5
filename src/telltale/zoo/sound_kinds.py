"""The table of the sound kinds: name, family, and the function that forges.

    forged = SOUND_KINDS["voice_lpc"].forge(rng, scene)

The caller draws room, loudness, codec and band limits alike for genuine and forged clips, after this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from telltale.errors import InputError
from telltale.zoo import sound_conversion as conversion
from telltale.zoo import sound_edits as edits
from telltale.zoo import sound_source_filter as source_filter
from telltale.zoo import sound_trained, sound_vocoders
from telltale.zoo.sound_scene import Change, SoundScene, finished, part, whole
from telltale.zoo.sound_trained import train_vocoder, vocode, vocoder_loss

__all__ = ["SOUND_KINDS", "SoundKind", "SoundScene", "train_vocoder", "vocode", "vocoder_loss"]

Forge = Callable[[np.random.Generator, SoundScene], np.ndarray]


@dataclass(frozen=True)
class SoundKind:
    """A kind of forgery of the sound.

    name: unique.
    family: what it has in common with others; kinds of one family are held out together.
    forge: (rng, scene) to float32 (N,) in -1..1 with the level of the recorded sound. Equal states of `rng`
        give equal samples. InputError if the kind needs the scene's vocoder, which is None.
    """

    name: str
    family: str
    forge: Forge


# Changes of the whole sound, by family.
WHOLE: dict[str, dict[str, Change]] = {
    "vocoder": {
        "voice_mel_griffin_lim": sound_vocoders.mel_griffin_lim,
        "voice_spectrum_griffin_lim": sound_vocoders.spectrum_griffin_lim,
        "voice_mel_single_pass": sound_vocoders.mel_single_pass,
    },
    "phase_vocoder": {
        "voice_stretched_and_back": sound_vocoders.stretched_and_back,
        "voice_phases_disturbed": sound_vocoders.phases_disturbed,
        "voice_bands_quantised": sound_vocoders.bands_quantised,
    },
    "source_filter": {
        "voice_mixed_excitation": source_filter.mixed_excitation,
        "voice_lpc": source_filter.lpc,
        "voice_mel_excitation": source_filter.mel_excitation,
        "voice_noise_excitation": source_filter.noise_excitation,
    },
    "trained_vocoder": {"voice_trained_vocoder": sound_trained.trained},
    "conversion": {
        "voice_pitch_and_formants": conversion.pitch_and_formants,
        "voice_pitch": conversion.pitch_alone,
        "voice_formants": conversion.formants_alone,
        "voice_converted_by_filter": conversion.voice_filtered,
        "voice_converted_by_vocoder": conversion.voice_vocoded,
    },
}
EDITS: dict[str, dict[str, Forge]] = {
    "splice": {
        "sound_other_voice_inserted": edits.other_voice_inserted,
        "sound_own_voice_inserted": edits.own_voice_inserted,
        "sound_word_silenced": edits.word_silenced,
        "sound_part_deleted": edits.part_deleted,
        "sound_part_repeated": edits.part_repeated,
    },
    "shift": {
        "sound_late_or_early": edits.shifted,
        "sound_drifting": edits.drifting,
        "sound_jittering": edits.jittering,
        "sound_segment_shifted": edits.segment_shifted,
    },
    "replacement": {
        "sound_of_other_person": edits.other_voice,
        "sound_of_other_person_in_rhythm": edits.other_voice_in_rhythm,
        "sound_reordered": edits.parts_reordered,
    },
}
# What a partial forgery does to its segment.
PARTIAL: dict[str, tuple[Change, ...]] = {
    "voice_part_resynthesised": (
        sound_vocoders.mel_griffin_lim,
        sound_vocoders.mel_single_pass,
        source_filter.mixed_excitation,
        source_filter.lpc,
    ),
    "voice_part_converted": (
        conversion.pitch_and_formants,
        conversion.pitch_alone,
        conversion.formants_alone,
        conversion.voice_filtered,
    ),
}


def _whole(change: Change, rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    return finished(scene, whole(change, rng, scene))


def _part(changes: tuple[Change, ...], rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    return finished(scene, part(changes[rng.integers(len(changes))], rng, scene))


def _edit(edit: Forge, rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    return finished(scene, edit(rng, scene))


def _table() -> dict[str, SoundKind]:
    kinds = [
        SoundKind(name, family, partial(_whole, change))
        for family, changes in WHOLE.items()
        for name, change in changes.items()
    ]
    kinds += [SoundKind(name, "partial", partial(_part, changes)) for name, changes in PARTIAL.items()]
    kinds += [
        SoundKind(name, family, partial(_edit, edit))
        for family, edits_of_it in EDITS.items()
        for name, edit in edits_of_it.items()
    ]
    return {kind.name: kind for kind in kinds}


SOUND_KINDS = _table()


def sound_kind(name: str) -> SoundKind:
    """The kind of this name. InputError if there is none."""
    if name not in SOUND_KINDS:
        raise InputError(f"There is no sound kind {name!r}: wanted one of {', '.join(SOUND_KINDS)}.")
    return SOUND_KINDS[name]
