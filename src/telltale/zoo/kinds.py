"""The table of the zoo's kinds: name, family, and what forges picture and sound.

A family is a way to forge. Kinds of one family share it, so that a family is what a test holds out.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from telltale.errors import InputError
from telltale.zoo import (
    blend,
    picture_face,
    picture_generated,
    picture_lips,
    picture_motion,
    picture_screen,
    picture_swap,
    picture_time,
)
from telltale.zoo.sound_kinds import SOUND_KINDS
from telltale.zoo.take import Forger

UPSAMPLINGS = ("nearest", "bilinear", "transposed", "shuffle")
PICTURES: dict[str, dict[str, Forger]] = {
    "face_swap": {f"swap_{name}": picture_swap.swap(name) for name in blend.BLENDS},
    "head_swap": {f"head_{name}": picture_swap.swap_head(name) for name in ("feathered", "pyramid")},
    "face_recoded": {f"recoded_{name}": picture_generated.recode(name) for name in UPSAMPLINGS},
    "face_exchanged": {f"exchanged_{name}": picture_generated.exchange(name) for name in UPSAMPLINGS},
    "mouth_generated": {f"mouth_{name}": picture_generated.new_mouth(name) for name in UPSAMPLINGS},
    "reenactment": {
        "reenacted_by_grid": picture_motion.by_grid,
        "reenacted_by_keypoints": picture_motion.by_keypoints,
        "reenacted_by_flow": picture_motion.by_flow,
    },
    "still_picture": {
        "still_talking": picture_motion.talking_photo,
        "still_swaying": picture_motion.swaying_photo,
    },
    "interpolation": {
        "interpolated_by_flow": picture_time.interpolate(picture_time.flowed, 3, 6),
        "interpolated_by_mixing": picture_time.interpolate(picture_time.mixed, 3, 5),
        "interpolated_by_holding": picture_time.interpolate(picture_time.held, 3, 5),
    },
    "segment": {
        "segment_face": picture_time.segment("face"),
        "segment_mouth": picture_time.segment("mouth"),
        "segment_eyes": picture_time.segment("eyes"),
        "segment_frozen": picture_time.freeze,
    },
    "region": {
        "eyes_of_another": picture_face.eyes_of_another,
        "eyes_to_camera": picture_face.gaze_corrected,
        "patch_inpainted": picture_face.inpainted,
    },
    "attribute": {
        "skin_smoothed": picture_face.smoothed,
        "face_relit": picture_face.relit,
        "face_altered": picture_face.aged,
    },
    "resampled": {
        "face_transposed": picture_face.transposed,
        "face_small": picture_face.resampled("small"),
        "face_super_resolved": picture_face.resampled("super_resolved"),
        "face_recompressed": picture_face.resampled("recompressed"),
    },
    "refilmed": {
        "filmed_from_display": picture_screen.from_display,
        "filmed_from_projector": picture_screen.from_projector,
    },
    # The sound of these is genuine speech that the mouth was changed to say.
    "lip_sync": {
        "lips_drawn": picture_lips.drawn,
        "lips_retrieved": picture_lips.retrieved,
        "lips_generated": picture_generated.any_mouth,
        "lips_to_other_voice": picture_lips.drawn,
    },
}
FORGERS = {name: forger for kinds in PICTURES.values() for name, forger in kinds.items()}
PICTURE_FAMILY = {name: family for family, kinds in PICTURES.items() for name in kinds}
WITH_DONOR = {"eyes_of_another", "lips_to_other_voice"}  # and all of these families
FAMILIES_WITH_DONOR = {
    "face_swap",
    "head_swap",
    "face_exchanged",
    "splice",
    "replacement",
    "conversion",
    "partial",
}
TRAINED_FAMILIES = {"face_recoded", "face_exchanged", "mouth_generated"}
OTHER_SPEECH = "other_speech"  # the sound of a lip-sync


@dataclass(frozen=True)
class Kind:
    """One kind of forgery.

    family: its family; of a combination `combined`.
    picture, sound: the names it draws its parts from, which of most kinds is one or none.
    """

    name: str
    family: str
    picture: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()

    @property
    def modality(self) -> str:
        """picture, sound or both."""
        return "both" if self.picture and self.sound else "picture" if self.picture else "sound"


def family_of(part: str) -> str:
    """The family of a name in FORGERS or SOUND_KINDS."""
    return PICTURE_FAMILY[part] if part in PICTURE_FAMILY else SOUND_KINDS[part].family


def _table() -> dict[str, Kind]:
    table = []
    for family, forgers in PICTURES.items():
        spoken = (OTHER_SPEECH,) if family == "lip_sync" else ()
        table += [Kind(name, family, (name,), spoken) for name in forgers]
    table += [Kind(sound.name, sound.family, (), (sound.name,)) for sound in SOUND_KINDS.values()]
    pictures = [family for family in PICTURES if family != "lip_sync"]
    sounds = list(dict.fromkeys(sound.family for sound in SOUND_KINDS.values()))
    for number, picture in enumerate(pictures):
        sound = sounds[number % len(sounds)]
        names = tuple(each.name for each in SOUND_KINDS.values() if each.family == sound)
        table.append(Kind(f"{picture}+{sound}", "combined", tuple(PICTURES[picture]), names))
    return {kind.name: kind for kind in table}


KINDS = _table()
FAMILIES = tuple(dict.fromkeys(kind.family for kind in KINDS.values()))


def chosen(names: Sequence[str], option: str) -> list[Kind]:
    """The kinds with these names of kinds or of families; `zoo` names all.

    option: what the user gave the names to.
    Raises InputError for a name that there is not, with the one most like it.
    """
    known = ("zoo", *FAMILIES, *KINDS)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "telltale demo-data --list-kinds has them all."
            raise InputError(f"{option} {name}: there is no such kind or family; {hint}")
    return [kind for kind in KINDS.values() if {"zoo", kind.family, kind.name} & set(names)]


def listing() -> str:
    """The table for people: kind, family, modality."""
    lines = [f"{'kind':<34}{'family':<18}modality"]
    lines += [f"{kind.name:<34}{kind.family:<18}{kind.modality}" for kind in KINDS.values()]
    return "\n".join(lines)
