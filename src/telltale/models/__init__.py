"""The models, built by name; the names are keys of `config.detectors.DETECTORS`.

Every model walks forward(pictures (N, T, 3, H, W) float in [0, 1], mel (N, rows, L) float dB, has_picture
(N,) bool, has_sound (N,) bool, frame_seconds (N, T) float from where the mel begins) → logit (N,) of forged,
and may be given None or an empty tensor for what it does not read. One that reads more takes it by name:
`crops`, `mouth` and `mouth_seconds` (see `flagship.More`). It carries `provenance`: for each tower
("picture", "sound") which weights it began with, as `weights.Provenance` says. What only training needs lies
in a module called `learning`: it is neither counted nor shipped.
"""

import copy
from importlib import import_module
from typing import TYPE_CHECKING

from telltale import config
from telltale.config.detectors import DETECTORS

if TYPE_CHECKING:  # torch takes seconds to load, and `checkpoint` says what is wrong with a file before that
    from torch import Tensor, nn

LEARNING = "learning"


def build(
    settings: config.ModelSettings,
    mel: config.MelSettings,
    clip: config.ClipSettings,
    *,
    initialise: bool,
    methods: int | None = None,
) -> "nn.Module":
    """The model that `settings.name` names, its weights drawn from torch's generator or loaded as the
    settings say.

    With `initialise=False` no weights are looked for: a checkpoint is to be loaded, and its provenance set,
    by the caller. methods: for training, how many kinds of forgery its labels tell apart; None leaves out
    what only training needs. The file is imported only now: timm takes five seconds, in which the workers can
    decode. Raises InputError if a backbone is unknown, its weights cannot be had, or a detector's features
    or head are not what `detector.Detector` says.
    """
    entry = DETECTORS[settings.name]
    if not entry.per_frame:
        model = import_module(f"{__name__}.{entry.file}").build(settings, mel, clip, initialise=initialise)
    else:
        from telltale.models.frame_level import FrameLevelModel, detector

        found = detector(settings.name, settings, clip, initialise=initialise, methods=methods)
        model = FrameLevelModel(found, settings.pooling, settings.top_k)
    if entry.objective == "classifier" and methods is not None and methods > 1:
        from telltale.models import kinds

        # After everything else: the model's own first weights are those that it has without the head.
        kinds.add(model, methods)
    return model


def for_prediction(model: "nn.Module") -> "nn.Module":
    """A copy of the model without what only training needs."""
    smaller = copy.deepcopy(model)
    for module in smaller.modules():
        if getattr(module, LEARNING, None) is not None:
            setattr(module, LEARNING, None)
    return smaller


def shipped(state: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The weights that prediction needs: those of no module called `learning`."""
    return {name: value for name, value in state.items() if LEARNING not in name.split(".")}
