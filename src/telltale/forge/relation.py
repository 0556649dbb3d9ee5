"""Pseudo-forgeries that neither the pictures nor the sound show alone: genuine ones that do not belong
together.

The sound is early or late, of another clip or of another span, or the pictures are. Nothing is
re-synthesised. Where sound meets sound of another time, it is cross-faded where the two agree best.
"""

import numpy as np

from telltale.forge.joints import (
    SEARCH_SECONDS,
    Piece,
    Samples,
    audible_window,
    fade_samples,
    in_seconds,
    joined,
    level,
    levelled,
    looped,
)
from telltale.forge.material import Kind, Material, PseudoForgery
from telltale.forge.sound import can_be_forged

SHIFT_SECONDS = (0.15, 1.5)
PART_P, PART_SHARES = 0.3, (0.4, 0.7)  # of sounds that are shifted for a part of the time
# Pictures of another span that differ by less than this, in levels, are those of this one.
LEAST_LEVELS = 0.5


def sound_shifted(
    material: Material, other: Material | None, rng: np.random.Generator
) -> PseudoForgery | None:
    """The sound is early or late by 0.15 to 1.5 s, all of it or for a part of the time. What is missing at
    one end is sound of another time of the span."""
    if material.wave is None or material.frames is None or not can_be_forged(material):
        return None
    wave, rate_hz = material.wave, material.rate_hz
    least, count = round(SHIFT_SECONDS[0] * rate_hz), len(wave)
    most = min(round(SHIFT_SECONDS[1] * rate_hz), count // 2 - least)
    if most <= least:
        return None
    shift = int(rng.integers(least, most, endpoint=True)) * int(rng.choice([-1, 1]))
    bounds, made = (0, count), None
    if rng.random() < PART_P:
        found = audible_window(wave, PART_SHARES, rng)
        if found is not None:
            bounds, made = found, _part_shifted(wave, shift, found, rate_hz)
    if made is None:
        bounds, made = (0, count), _all_shifted(wave, shift, rate_hz, rng)
    return _replaced(material, made, "sound_shifted", bounds)


def _all_shifted(wave: Samples, shift: int, rate_hz: int, rng: np.random.Generator) -> Samples:
    """The sound `shift` samples late, or early if that is negative. The missing end is early, or late, by at
    least as much as SHIFT_SECONDS allow."""
    fade, search = fade_samples(rate_hz), round(SEARCH_SECONDS * rate_hz) + 1
    least, count = round(SHIFT_SECONDS[0] * rate_hz), len(wave)
    if shift > 0:
        place = shift + search
        early = int(rng.integers(least, count - place - fade, endpoint=True))
        pieces = (Piece(wave, early), Piece(wave, -shift))
    else:
        place = count + shift - fade
        late = int(rng.integers(least, place - search, endpoint=True))
        pieces = (Piece(wave, -shift), Piece(wave, -late))
    return joined(pieces, (place,), rate_hz, count)


def _part_shifted(wave: Samples, shift: int, bounds: tuple[int, int], rate_hz: int) -> Samples | None:
    """The sound with what is inside of `bounds` late by `shift`, or early. Where there is too little sound
    before it, it is early, and the reverse; None if there is too little on both sides."""
    fade, search = fade_samples(rate_hz), round(SEARCH_SECONDS * rate_hz) + 1
    least = round(SHIFT_SECONDS[0] * rate_hz)
    rooms = {1: bounds[0] - search, -1: len(wave) - bounds[1] - fade - search}
    way = 1 if shift > 0 else -1
    if rooms[way] < least:
        way = -way
    if rooms[way] < least:
        return None
    pieces = (
        Piece(wave, 0),
        Piece(wave, -way * min(abs(shift), rooms[way])),
        Piece(wave, 0, free=False),
    )
    return joined(pieces, (bounds[0], bounds[1] - fade), rate_hz, len(wave))


def sound_of_another_clip(
    material: Material, other: Material | None, rng: np.random.Generator
) -> PseudoForgery | None:
    """The sound of another genuine clip, as loud as this one's."""
    return _sound_of_other("sound_of_another_clip", material, other, rng)


def sound_of_another_span(
    material: Material, other: Material | None, rng: np.random.Generator
) -> PseudoForgery | None:
    """The sound of another span of this clip: the same voice in the same room."""
    if other is None or other.wave is None or material.wave is None:
        return None
    # A clip that is no longer than a span has no other one.
    if len(other.wave) == len(material.wave) and np.array_equal(other.wave, material.wave):
        return None
    return _sound_of_other("sound_of_another_span", material, other, rng)


def picture_of_another_span(
    material: Material, other: Material | None, rng: np.random.Generator
) -> PseudoForgery | None:
    """The pictures of another span of this clip, at this one's times. They are genuine, so there is no
    mask."""
    if other is None or other.frames is None or material.frames is None or not can_be_forged(material):
        return None
    if other.frames.shape[1:] != material.frames.shape[1:]:
        raise ValueError(
            f"other span: wanted frames of {material.frames.shape[1:]}, got {other.frames.shape[1:]}"
        )
    chosen = np.abs(other.frame_seconds[None] - material.frame_seconds[:, None]).argmin(1)
    frames = other.frames[chosen]
    if np.abs(frames[::4].astype(np.int16) - material.frames[::4]).mean() < LEAST_LEVELS:
        return None
    return PseudoForgery(
        frames, material.wave, "picture_of_another_span", ("in_step",), None, ((0.0, material.seconds),)
    )


def _sound_of_other(
    name: str, material: Material, other: Material | None, rng: np.random.Generator
) -> PseudoForgery | None:
    if not (can_be_forged(material) and can_be_forged(other)) or material.frames is None:
        return None
    assert material.wave is not None and other is not None and other.wave is not None
    source = looped(other.wave, len(material.wave), material.rate_hz)
    first = int(rng.integers(0, len(source) - len(material.wave), endpoint=True))
    piece = source[first : first + len(material.wave)]
    return _replaced(material, levelled(piece, level(material.wave)), name, (0, len(material.wave)))


def _replaced(material: Material, wave: Samples, name: str, bounds: tuple[int, int]) -> PseudoForgery:
    return PseudoForgery(
        material.frames, wave, name, ("in_step",), None, (in_seconds(bounds, material.rate_hz),)
    )


RELATION_KINDS = (
    Kind("sound_shifted", "in_step", ("picture", "sound"), None, sound_shifted),
    Kind("sound_of_another_clip", "in_step", ("picture", "sound"), "clip", sound_of_another_clip),
    Kind("sound_of_another_span", "in_step", ("picture", "sound"), "span", sound_of_another_span),
    Kind("picture_of_another_span", "in_step", ("picture", "sound"), "span", picture_of_another_span),
)
