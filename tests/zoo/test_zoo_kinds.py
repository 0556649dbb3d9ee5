"""The table of kinds, and that each changes what it says and nothing else."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.zoo import kinds
from telltale.zoo.clip import GENERATORS, Studio, forge
from telltale.zoo.kinds import KINDS, PICTURES
from telltale.zoo.plan import _needs_donor, _plan, select
from telltale.zoo.training import train

PICTURE_KINDS = [name for family in PICTURES.values() for name in family]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Pictures of 64 pixels, and generators that were trained for a step."""
    folder = tmp_path_factory.mktemp("trained")
    train(1, folder / GENERATORS, steps=1, workers=1)
    return Studio(1, 64, folder)


def made(name: str | None, studio: Studio) -> tuple[np.ndarray, np.ndarray]:
    plan = _plan(np.random.default_rng(3), KINDS[name] if name else None, False, 0.5)
    return forge(replace(plan, split="train", index=1, identity=2, donor=5), studio)


@pytest.fixture(scope="module")
def genuine(studio: Studio) -> tuple[np.ndarray, np.ndarray]:
    return made(None, studio)


def test_there_are_many_kinds_of_many_families_with_unique_names() -> None:
    families = {kind.family for kind in KINDS.values()}
    assert len(KINDS) >= 40 and len(families) >= 12
    assert not families & set(KINDS)
    assert len(PICTURE_KINDS) == len(set(PICTURE_KINDS))
    assert Counter(kind.modality for kind in KINDS.values()).keys() == {"picture", "sound", "both"}


@pytest.mark.parametrize("name", PICTURE_KINDS)
def test_a_picture_kind_changes_the_face_and_leaves_the_sound(
    name: str, studio: Studio, genuine: tuple[np.ndarray, np.ndarray]
) -> None:
    pixels, samples = made(name, studio)
    assert pixels.shape == genuine[0].shape and pixels.dtype == np.uint8
    changed = np.abs(pixels.astype(int) - genuine[0])
    assert changed[:, 16:52, 16:48].max() > 10
    assert np.array_equal(samples, genuine[1]) == (KINDS[name].family != "lip_sync")
    if KINDS[name].family not in ("refilmed", "still_picture", "interpolation"):
        assert changed[:, :4, :4].max() <= 3  # background, which pyramids change a little


@pytest.mark.parametrize("name", ["sound_of_other_person", "voice_lpc", "sound_part_deleted"])
def test_a_sound_kind_leaves_the_picture(
    name: str, studio: Studio, genuine: tuple[np.ndarray, np.ndarray]
) -> None:
    pixels, samples = made(name, studio)
    assert np.array_equal(pixels, genuine[0])
    assert samples.shape == genuine[1].shape and samples.dtype == np.float32
    assert np.abs(samples - genuine[1]).max() > 0.01


def test_a_combination_changes_both(studio: Studio, genuine: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, samples = made("reenactment+partial", studio)
    assert np.abs(pixels.astype(int) - genuine[0]).max() > 10
    assert not np.array_equal(samples, genuine[1])


def test_kinds_with_a_donor_have_one() -> None:
    for name in ("swap_hard", "eyes_of_another", "lips_to_other_voice", "sound_of_other_person"):
        assert _needs_donor(_plan(np.random.default_rng(1), KINDS[name], False, 1.0)), name
    assert not _needs_donor(_plan(np.random.default_rng(1), KINDS["skin_smoothed"], False, 1.0))


def test_an_unknown_kind_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"--kinds swap_poison: .* did you mean swap_poisson\?"):
        select("swap_poison", "none", 1)
    with pytest.raises(InputError, match=r"--hold-out vocodr: .* did you mean vocoder\?"):
        select("zoo", "vocodr", 1)
    with pytest.raises(InputError, match="left to train on"):
        select("vocoder", "vocoder", 1)
    assert "swap_poisson" in kinds.listing()


def test_half_of_the_families_of_each_modality_are_held_out() -> None:
    selection = select("zoo", "half", 4)
    seen, unseen = ({kind.family for kind in group} for group in (selection.seen, selection.unseen))
    assert seen & unseen <= {"combined"}
    assert {kind.modality for kind in selection.seen} >= {"picture", "sound"}
    assert {kind.modality for kind in selection.unseen} >= {"picture", "sound"}
    for kind in selection.seen:
        assert not {
            kinds.family_of(part) for part in (*kind.picture, *kind.sound) if part != "other_speech"
        } & (unseen - {"combined"})


def test_a_combination_draws_its_parts_from_what_is_not_held_out(tmp_path: Path) -> None:
    selection = select("combined", "swap_hard,swap_poisson", 1)
    [swap] = [kind for kind in selection.seen if kind.name.startswith("face_swap+")]
    assert swap.picture == ("swap_feathered", "swap_pyramid")
