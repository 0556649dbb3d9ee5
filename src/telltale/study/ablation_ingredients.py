"""What an ablation takes out of a configuration: for each detector the keys that do it, and a user's own.

chosen = ingredients("flagship", [read_off("no_sam=optim.sam_rho=0")], only=[])
found = variants(settings, chosen)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from telltale import config
from telltale.errors import InputError

FULL = "full"  # the name of the whole configuration, beside those of ingredients
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_NEXT_KEY = re.compile(r",(?=[a-z_]\w*(?:\.\w+)*=)")  # a comma of a list is followed by no KEY=


@dataclass(frozen=True)
class Ingredient:
    """A part of a configuration.

    name: of its run's folder and its row. off: KEY=VALUE that take it out.
    """

    name: str
    off: tuple[str, ...]

    @property
    def text(self) -> str:
        return ", ".join(self.off)


# Changes of pictures and sound that leave traces of processing, in both classes alike.
DEGRADATIONS = (
    *("jpeg_p", "h264_p", "rescale_p", "blur_p", "noise_p", "gamma_p"),
    *("sound_codec_p", "sound_noise_p", "band_limit_p"),
)
# By detector. Every override must load on each of the detector's shipped configurations.
INGREDIENTS: dict[str, tuple[Ingredient, ...]] = {
    "flagship": (
        # Terms of the loss.
        Ingredient("cues", ("objective.flagship_cues=0",)),
        Ingredient("segments", ("objective.flagship_segments=0",)),
        Ingredient("map", ("objective.flagship_map=0",)),
        Ingredient("offset", ("objective.flagship_offset=0",)),
        Ingredient("labelled", ("objective.flagship_labelled=0",)),
        # Pseudo-forgeries.
        Ingredient("pseudo_picture", ("pseudo.picture=0",)),
        Ingredient("pseudo_motion", ("pseudo.motion=0",)),
        Ingredient("pseudo_sound", ("pseudo.sound=0",)),
        Ingredient("pseudo_in_step", ("pseudo.in_step=0",)),
        # Parts of the model.
        Ingredient("native", ("model.flagship_native=false", "predict.crops=1")),
        Ingredient("residuals", ("model.flagship_residuals=off",)),
        Ingredient("linear_bands", ("model.flagship_sound=mel",)),
        Ingredient("mel_bands", ("model.flagship_sound=linear",)),
        Ingredient("motion", ("model.flagship_motion=false",)),
        Ingredient("in_step", ("model.flagship_in_step=false",)),
        Ingredient("cross_attention", ("model.flagship_cross_attention=false",)),
        Ingredient("gates", ("model.flagship_gates=false",)),
        # Training.
        Ingredient("pretrained", ("model.pretrained=false",)),
        Ingredient("average", ("optim.ema_decay=0",)),
        Ingredient("mixup", ("objective.flagship_mixup=0",)),
        Ingredient("modality_dropout", ("model.modality_dropout=0",)),
        Ingredient("degradations", tuple(f"augment.{name}=0" for name in DEGRADATIONS)),
        Ingredient("selection", ("optim.select=validation",)),
    ),
}


@dataclass(frozen=True)
class Variants:
    """settings: name of each ingredient → the configuration without it. left_out: a sentence on each
    ingredient that cannot be taken out."""

    settings: dict[str, config.Config] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_off(text: str) -> Ingredient:
    """What --off NAME=KEY=VALUE[,KEY=VALUE] says. Raises InputError with the form that is wanted."""
    name, _, keys = text.partition("=")
    off = tuple(_NEXT_KEY.split(keys))
    if not _NAME.fullmatch(name) or name == FULL or not all("=" in each.strip("=") for each in off):
        raise InputError(
            f"--off {text}: wanted NAME=KEY=VALUE[,KEY=VALUE], such as flip=augment.flip_p=0, with a NAME of "
            f"letters, digits and '_' that is not '{FULL}'"
        )
    return Ingredient(name, off)


def ingredients(detector: str, own: Sequence[Ingredient], only: Sequence[str]) -> list[Ingredient]:
    """Those of the detector's table and `own`; or of them those that `only` names, if it names any.

    Raises InputError for a name given twice, for an unknown one, and for a detector without a table if `own`
    is empty.
    """
    listed = [*INGREDIENTS.get(detector, ()), *own]
    if not listed:
        tables = ", ".join(INGREDIENTS) or "no detector"
        raise InputError(
            f"{detector}: has no table of ingredients ({tables} has); wanted --off NAME=KEY=VALUE, once for "
            "each ingredient"
        )
    names = [each.name for each in listed]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--off {twice[0]}: another ingredient has this name; wanted a name of its own")
    if unknown := [name for name in only if name not in names]:
        raise InputError(f"--only {unknown[0]}: no such ingredient; wanted some of {', '.join(names)}")
    return [each for each in listed if not only or each.name in only]


def variants(settings: config.Config, chosen: Sequence[Ingredient], own: Sequence[Ingredient]) -> Variants:
    """The configuration without each ingredient in turn.

    An ingredient whose keys are set so already is left out, and so is one of a table that does not fit this
    configuration. Raises InputError for one of `own` that does not fit, and if none is left.
    """
    found = Variants()
    for each in chosen:
        try:
            without = config.override(settings, list(each.off), f"--off {each.name}")
        except InputError as error:
            if each in own:
                raise
            found.left_out.append(f"{each.name} is left out: {error}")
            continue
        if config.fingerprint(without) == config.fingerprint(settings):
            found.left_out.append(f"{each.name} is left out: it is off already ({each.text})")
        else:
            found.settings[each.name] = without
    if not found.settings:
        raise InputError("; ".join([*found.left_out, "no ingredient is left to take out"]))
    return found
