"""The models by name. A new one costs its file and a line in `ENTRIES`.

Every model walks forward(pictures (N, T, 3, H, W) float in [0, 1], mel (N, n_mels, L) float dB, has_picture (N,) bool,
has_sound (N,) bool) → logit (N,) of forged, and may be given None or an empty tensor for what it does not read. It carries
`provenance`: for each tower ("picture", "sound") which weights it began with, as `weights.Provenance` says.
"""

from dataclasses import dataclass
from importlib import import_module

from torch import nn

from telltale import config


@dataclass(frozen=True)
class Entry:
    """The file here whose `build` makes a model, and which of "picture" and "sound" it reads; it has one backbone for each.

    The file is imported when a model is built: timm takes five seconds, in which the workers can decode.
    """

    file: str
    reads: tuple[str, ...]


ENTRIES = {
    "mel_cnn": Entry("mel_cnn", ("sound",)),
    "frame_cnn": Entry("frame_cnn", ("picture",)),
    "audiovisual": Entry("audiovisual", ("picture", "sound")),
}


def build(settings: config.Model, mel: config.Mel, clip: config.Clip, *, initialise: bool) -> nn.Module:
    """The model that `settings.name` names, its weights drawn from torch's generator or loaded as the settings say.

    With `initialise=False` no weights are looked for: a checkpoint is to be loaded, and its provenance set, by the caller.
    Raises InputError where a backbone is unknown or its weights cannot be had.
    """
    return import_module(f"{__name__}.{ENTRIES[settings.name].file}").build(settings, mel, clip, initialise=initialise)
