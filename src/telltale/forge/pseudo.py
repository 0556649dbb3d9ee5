"""Pseudo-forgeries of genuine clips, each of which falsifies a known cue.

    kinds = choose(settings.pseudo, has_picture, has_sound, rng)
    other = ...                                # a span of what kinds[..].other asks for
    twin = forge(material, kinds, rng, other)  # None: nothing could be forged

A forged span is the genuine one but for what its kind changes: no pixel where its mask is 0 and no sample
outside of its seconds differs. So what tells the two apart is the forgery, and not that one of them was
processed. What both go through alike, as compression, is done to both afterwards, see `data/transforms.py`.

The same input and the same state of `rng` give the same output, and no input is modified.
"""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

import numpy as np

from telltale import config
from telltale.errors import InputError
from telltale.forge.material import CUES, Kind, Material, PseudoForgery, merged
from telltale.forge.motion import MOTION_KINDS
from telltale.forge.picture import PICTURE_KINDS
from telltale.forge.region import guess_points
from telltale.forge.relation import RELATION_KINDS
from telltale.forge.sound import SOUND_KINDS

__all__ = ["CUES", "KINDS", "Kind", "Material", "PseudoForgery", "choose", "forge", "permitted", "prepare"]

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (*PICTURE_KINDS, *MOTION_KINDS, *SOUND_KINDS, *RELATION_KINDS)
}
SEEN = ("picture", "motion")  # cues of kinds that change pixels


def permitted(settings: config.PseudoSettings) -> tuple[Kind, ...]:
    """The kinds that these settings permit, in the order of KINDS: those of `kinds` whose cue has a weight.
    Raises InputError for a name that is no kind's."""
    for name in settings.kinds or ():
        if name not in KINDS:
            near = get_close_matches(name, KINDS, 1)
            hint = f"; did you mean {near[0]}" if near else f"; wanted some of {', '.join(KINDS)}"
            raise InputError(f"pseudo.kinds: there is no pseudo-forgery '{name}'{hint}")
    names = KINDS if settings.kinds is None else settings.kinds
    return tuple(kind for kind in KINDS.values() if kind.name in names and getattr(settings, kind.cue) > 0)


def prepare(settings: config.PseudoSettings) -> None:
    """Import what the permitted kinds need, before workers are forked. Raises InputError as `permitted`."""
    if any("sound" in kind.needs for kind in permitted(settings)):
        for name in ("scipy.fft", "scipy.ndimage", "scipy.signal"):
            importlib.import_module(name)


def choose(
    settings: config.PseudoSettings, has_picture: bool, has_sound: bool, rng: np.random.Generator
) -> tuple[Kind, ...]:
    """Draw what is made of a clip that has picture, sound or both.

    Its cue is drawn by the settings' weights among those for which a kind is possible, then a kind of it. A
    forged picture gets a forged sound, too, with the settings' probability: then there are two kinds, of
    which one at most needs another clip or span. Returns () if no kind is possible. Raises InputError as
    `permitted`.
    """
    present = {name for name, has in (("picture", has_picture), ("sound", has_sound)) if has}
    possible = [kind for kind in permitted(settings) if present.issuperset(kind.needs)]
    cues = [cue for cue in CUES if any(kind.cue == cue for kind in possible)]
    if not cues:
        return ()
    weights = np.array([getattr(settings, cue) for cue in cues])
    first = _drawn(possible, cues[int(rng.choice(len(cues), p=weights / weights.sum()))], rng)
    heard = [kind for kind in possible if kind.cue == "sound"]
    if first.cue in SEEN and heard and rng.random() < settings.combine_p:
        return first, _drawn(heard, "sound", rng)
    return (first,)


def _drawn(kinds: Sequence[Kind], cue: str, rng: np.random.Generator) -> Kind:
    """One of the kinds for this cue, each as likely."""
    among = [kind for kind in kinds if kind.cue == cue]
    return among[int(rng.integers(len(among)))]


def forge(
    material: Material, kinds: Sequence[Kind], rng: np.random.Generator, other: Material | None = None
) -> PseudoForgery | None:
    """Forge a genuine span by `kinds`, one after another.

    material: with what the kinds need. Without landmarks, the face's place is guessed once for all frames.
    kinds: of `choose`: one, or one of the picture and one of the sound.
    other: another span of the clip, or of another genuine clip, for kinds that ask for it; the sample rate is
        the same, and another span's frames are of the same size.

    Returns None if nothing could be forged: the face is out of sight or nothing in it would look different,
    the sound is silent or too short, the other span is missing, silent or no other one. Of two kinds one may
    be left out for that. Raises ValueError if the other span's rate or frames are of another size.
    """
    if (
        other is not None
        and other.wave is not None
        and material.wave is not None
        and other.rate_hz != material.rate_hz
    ):
        raise ValueError(f"other: wanted sound of {material.rate_hz} Hz, got {other.rate_hz} Hz")
    now = material
    if any(kind.cue in SEEN for kind in kinds):
        now = guess_points(material, rng)
    made: list[PseudoForgery] = []
    for kind in kinds:
        forgery = kind.make(now, other if kind.other else None, rng)
        if forgery is not None:
            made.append(forgery)
            now = replace(now, frames=forgery.frames, wave=forgery.wave)
    if not made:
        return None
    masks = [each.mask for each in made if each.mask is not None]
    return PseudoForgery(
        now.frames,
        now.wave,
        "+".join(each.kind for each in made),
        tuple(cue for cue in CUES if any(cue in each.cues for each in made)),
        np.maximum.reduce(masks) if len(masks) > 1 else (masks[0] if masks else None),
        merged(tuple(span for each in made for span in each.seconds)),
    )
