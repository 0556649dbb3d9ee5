"""Every kind of pseudo-forgery: it changes what it says and nothing else, and the same draw gives the same
bytes."""

import numpy as np
import pytest
from materials import FRAMES, RATE_HZ, SECONDS, SIDE, material

from telltale import config
from telltale.errors import InputError
from telltale.forge.pseudo import CUES, KINDS, Material, PseudoForgery, choose, forge, permitted


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def other_of(name: str) -> Material | None:
    return material(2) if KINDS[name].other else None


def forged(name: str, seed: int, given: Material | None = None) -> PseudoForgery:
    made = forge(given or material(), (KINDS[name],), rng(seed), other_of(name))
    assert made is not None
    return made


def untouched_frames(seconds: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Which frames are outside of all touched spans."""
    times = np.linspace(0, SECONDS, FRAMES)
    return ~np.any([(begin <= times) & (times <= end) for begin, end in seconds], axis=0)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_changes_what_it_says_and_nothing_else(name: str) -> None:
    kind, given = KINDS[name], material()
    found = [forge(given, (kind,), rng(seed), other_of(name)) for seed in range(9)]
    assert sum(made is not None for made in found) > 5
    for made in found:
        if made is None:  # so little changed that it was not worth the name
            continue
        assert (
            made.kind == name
            and kind.cue in made.cues
            and list(made.cues) == sorted(made.cues, key=CUES.index)
        )
        assert made.frames is not None and given.frames is not None
        assert made.wave is not None and given.wave is not None
        assert (made.frames.dtype, made.frames.shape) == (np.uint8, given.frames.shape)
        assert (made.wave.dtype, made.wave.shape) == (np.float32, given.wave.shape)
        assert np.isfinite(made.wave).all() and np.abs(made.wave).max() <= 1
        assert all(0 <= begin < end <= SECONDS + 0.1 for begin, end in made.seconds)
        if made.mask is not None:
            assert (made.mask.dtype, made.mask.shape) == (np.float32, given.frames.shape[:3])
            assert made.mask.min() >= 0 and 0.4 < made.mask.max() <= 1
            assert np.array_equal(made.frames[made.mask == 0], given.frames[made.mask == 0])
            assert not made.mask[untouched_frames(made.seconds)].any()
            changed = np.abs(made.frames.astype(int) - given.frames)[made.mask > 0.4]
            assert changed.mean() > 0.3
            assert np.array_equal(made.wave, given.wave)
        elif name != "picture_of_another_span":
            assert np.array_equal(made.frames, given.frames)
            inside = np.zeros(len(made.wave), bool)
            for begin, end in made.seconds:
                inside[round(begin * RATE_HZ) : round(end * RATE_HZ)] = True
            assert np.array_equal(made.wave[~inside], given.wave[~inside])
            spectra = [
                np.abs(np.fft.rfft(np.resize(each[inside], (40, 250)))) for each in (made.wave, given.wave)
            ]
            decibels = 20 * np.log10((spectra[0] + 0.01) / (spectra[1] + 0.01))
            assert np.abs(decibels).mean() > 0.3


@pytest.mark.parametrize("name", KINDS)
def test_the_same_state_gives_the_same_forgery_and_inputs_stay(name: str) -> None:
    given, one, two = material(points=True), rng(7), rng(7)
    ambient = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    made = [forge(given, (KINDS[name],), each, other_of(name)) for each in (one, two)]
    assert made[0] is not None and made[1] is not None
    assert one.bit_generator.state == two.bit_generator.state
    assert made[0].seconds == made[1].seconds
    for a, b in (
        (made[0].frames, made[1].frames),
        (made[0].wave, made[1].wave),
        (made[0].mask, made[1].mask),
    ):
        assert (a is None and b is None) or np.array_equal(a, b)  # type: ignore[arg-type]
    assert np.array_equal(np.random.get_state()[1], ambient)  # type: ignore[index]
    # What was not touched is the same object.
    assert (made[0].frames is given.frames) == (
        KINDS[name].cue in ("sound", "in_step") and "picture_of" not in name
    )
    assert (made[0].wave is given.wave) == (KINDS[name].cue in ("picture", "motion") or "picture_of" in name)


@pytest.mark.parametrize("name", KINDS)
def test_draws_differ(name: str) -> None:
    made = [forged(name, seed) for seed in range(4)]
    assert len({(each.frames.tobytes(), each.wave.tobytes()) for each in made}) >= (  # type: ignore[union-attr]
        1 if name in ("picture_of_another_span", "sound_of_another_span", "sound_of_another_clip") else 3
    )


def test_two_kinds_forge_picture_and_sound() -> None:
    given = material()
    made = forge(given, (KINDS["resampled"], KINDS["resynthesised"]), rng(3))
    assert made is not None and made.kind == "resampled+resynthesised"
    assert made.cues[0] == "picture" and made.cues[-1] == "sound" and made.mask is not None
    assert not np.array_equal(made.frames, given.frames) and not np.array_equal(made.wave, given.wave)  # type: ignore[arg-type]
    assert all(a[1] < b[0] for a, b in zip(made.seconds, made.seconds[1:], strict=False))


def test_what_cannot_be_forged_is_none() -> None:
    flat = Material(np.full((6, SIDE, SIDE, 3), 90, np.uint8), np.linspace(0, 1, 6), None, RATE_HZ)
    away = material(points=True)
    away = Material(away.frames, away.frame_seconds, away.wave, RATE_HZ, away.points + 3)  # type: ignore[operator]
    silent = Material(None, np.zeros(0), np.zeros(8000, np.float32), RATE_HZ)
    quiet = Material(material().frames, material().frame_seconds, np.zeros(12_800, np.float32), RATE_HZ)
    short = Material(material().frames, material().frame_seconds, material().wave[:500], RATE_HZ)  # type: ignore[index]
    for name, kind in KINDS.items():
        if "picture" in kind.needs and kind.cue in ("picture", "motion"):
            assert forge(away, (kind,), rng(), other_of(name)) is None
            if name in ("resampled", "smoothed", "recoded", "jittered", "rerendered", "held"):
                assert forge(flat, (kind,), rng(), other_of(name)) is None, name
        else:
            lacks = (quiet, short) if "picture" in kind.needs else (silent,)
            assert all(forge(each, (kind,), rng(), other_of(name)) is None for each in lacks), name
        if kind.other:
            assert (forge(material(), (kind,), rng(), None) is None) is not kind.alone
    same = (KINDS["picture_of_another_span"], KINDS["sound_of_another_span"])
    assert all(forge(material(), (kind,), rng(), material()) is None for kind in same)
    # What can be done of two is done.
    made = forge(away, (KINDS["resampled"], KINDS["room_changed"]), rng())
    assert made is not None and made.kind == "room_changed" and made.frames is away.frames


def test_wrong_material_is_named() -> None:
    given = material()
    with pytest.raises(ValueError, match="got neither"):
        Material(None, np.zeros(0), None, RATE_HZ)
    with pytest.raises(ValueError, match=r"frames: wanted uint8 \(D, H, W, 3\), got float64"):
        Material(np.zeros((2, 4, 4, 3)), np.zeros(2), None, RATE_HZ)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"frame_seconds: wanted \(10,\), got \(3,\)"):
        Material(given.frames, np.zeros(3), None, RATE_HZ)
    with pytest.raises(ValueError, match=r"points: wanted \(10, 68 or 81, 2\)"):
        Material(given.frames, given.frame_seconds, None, RATE_HZ, np.zeros((10, 5, 2), np.float32))
    with pytest.raises(ValueError, match="wave: wanted float32"):
        Material(None, np.zeros(0), np.zeros(8), RATE_HZ)  # type: ignore[arg-type]
    fast = Material(None, np.zeros(0), given.wave, 2 * RATE_HZ)
    with pytest.raises(ValueError, match="other: wanted sound of 8000 Hz, got 16000 Hz"):
        forge(given, (KINDS["sound_of_another_clip"],), rng(), fast)


def settings(**values: object) -> config.PseudoSettings:
    return config.PseudoSettings(**values)  # type: ignore[arg-type]


def drawn(count: int, given: config.PseudoSettings, picture: bool = True, sound: bool = True) -> list[tuple]:
    draws = rng(5)
    return [choose(given, picture, sound, draws) for _ in range(count)]


def test_cues_are_drawn_by_their_weights_and_kinds_evenly() -> None:
    given = settings(picture=2.0, motion=1.0, sound=1.0, in_step=0.0, combine_p=0.0)
    found = drawn(2000, given)
    assert all(len(kinds) == 1 for kinds in found)
    counts = [sum(kinds[0].cue == cue for kinds in found) for cue in CUES]
    assert counts[3] == 0 and 900 < counts[0] < 1100 and 420 < counts[1] < 580 and 420 < counts[2] < 580
    names = [kinds[0].name for kinds in found]
    assert {kind.name for kind in KINDS.values() if kind.cue != "in_step"} == set(names)
    assert 85 < names.count("resampled") < 170


def test_what_the_clip_lacks_is_not_drawn() -> None:
    given = settings(combine_p=1.0)
    assert {kinds[0].cue for kinds in drawn(100, given, sound=False)} == {"picture", "motion"}
    assert all(len(kinds) == 1 for kinds in drawn(100, given, sound=False))
    assert {kinds[0].cue for kinds in drawn(100, given, picture=False)} == {"sound"}
    assert choose(given, False, False, rng()) == ()
    assert choose(settings(sound=0.0), False, True, rng()) == ()


def test_a_forged_picture_may_get_a_forged_sound() -> None:
    found = drawn(1000, settings(picture=1.0, motion=1.0, sound=0.2, in_step=0.0, combine_p=0.5))
    seen = [kinds for kinds in found if kinds[0].cue in ("picture", "motion")]
    both = [kinds for kinds in seen if len(kinds) == 2]
    assert 0.4 < len(both) / len(seen) < 0.6 and all(kinds[1].cue == "sound" for kinds in both)
    assert all(sum(kind.other is not None for kind in kinds) <= 1 for kinds in found)


def test_kinds_are_permitted_by_name() -> None:
    some = settings(kinds=("spliced", "resampled"), motion=0.0)
    assert [kind.name for kind in permitted(some)] == ["resampled", "spliced"]
    assert {kind.name for kinds in drawn(50, some) for kind in kinds} == {"resampled", "spliced"}
    assert permitted(settings(kinds=("resampled",), picture=0.0)) == ()
    with pytest.raises(InputError, match="no pseudo-forgery 'resample'; did you mean resampled"):
        permitted(settings(kinds=("resample",)))
    assert len(permitted(settings())) == len(KINDS) >= 20
