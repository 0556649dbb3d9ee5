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
    """The sound is early or late by 0.15 to 1.5 s, all of it or for a part of the time. The time that this
    leaves without sound gets that of another span; without one, another part of this one is heard twice."""
    if material.wave is None or material.frames is None or not can_be_forged(material):
        return None
    wave, rate_hz = material.wave, material.rate_hz
    bounds: tuple[int, int] | None = None
    if rng.random() < PART_P:
        bounds = audible_window(wave, PART_SHARES, rng)
    first, stop = bounds or (0, len(wave))
    least = round(SHIFT_SECONDS[0] * rate_hz)
    most = min(round(SHIFT_SECONDS[1] * rate_hz), (stop - first) // 2)
    if most <= least:
        return None
    shift, late = int(rng.integers(least, most, endpoint=True)), rng.random() < 0.5
    fade, search = fade_samples(rate_hz), round(SEARCH_SECONDS * rate_hz) + 1
    # What is late begins with the window's own first sample, up to the search of the joint.
    begin, end = (first, first + shift + search) if late else (stop - shift - fade, stop)
    filler = _filler(material, other, (begin, end + fade), rng)
    if filler is None:
        return None
    moved = Piece(wave, -shift if late else shift)
    pieces = [(filler, begin), (moved, end)] if late else [(moved, first), (filler, begin)]
    if first > 0:
        pieces.insert(0, (Piece(wave, 0), 0))
    if stop < len(wave):
        pieces.append((Piece(wave, 0, free=False), stop - fade))
    places = [place for _, place in pieces[1:]]
    made = joined([piece for piece, _ in pieces], places, rate_hz, len(wave))
    return _replaced(material, np.clip(made, -1, 1), "sound_shifted", (first, stop))


def _filler(
    material: Material, other: Material | None, bounds: tuple[int, int], rng: np.random.Generator
) -> Piece | None:
    """Sound for the samples of `bounds` that does not belong there: of another span, or, if there is none, of
    this one's at another time by SHIFT_SECONDS at least. None if there is not enough."""
    wave, rate_hz = material.wave, material.rate_hz
    assert wave is not None
    search, length = round(SEARCH_SECONDS * rate_hz) + 1, bounds[1] - bounds[0]
    if other is not None and can_be_forged(other) and not _same_sound(material, other):
        assert other.wave is not None
        highest = len(other.wave) - length - search
        if highest >= search:
            begin = int(rng.integers(search, highest, endpoint=True))
            return Piece(levelled(other.wave, level(wave)), begin - bounds[0])
    # Not faster or slower, so that it is not the same sound twice: its highest band would change.
    begins = np.arange(search, len(wave) - length - search + 1)
    begins = begins[np.abs(begins - bounds[0]) >= round(SHIFT_SECONDS[0] * rate_hz)]
    return Piece(wave, int(rng.choice(begins)) - bounds[0]) if len(begins) else None


def _same_sound(one: Material, other: Material) -> bool:
    """Whether two spans are one: a clip that is no longer than a span has no other one."""
    assert one.wave is not None and other.wave is not None
    return len(one.wave) == len(other.wave) and np.array_equal(one.wave, other.wave)


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
    if _same_sound(material, other):
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
    Kind("sound_shifted", "in_step", ("picture", "sound"), "span", sound_shifted, alone=True),
    Kind("sound_of_another_clip", "in_step", ("picture", "sound"), "clip", sound_of_another_clip),
    Kind("sound_of_another_span", "in_step", ("picture", "sound"), "span", sound_of_another_span),
    Kind(
        "picture_of_another_span",
        "in_step",
        ("picture", "sound"),
        "span",
        picture_of_another_span,
        takes="picture",
    ),
)
