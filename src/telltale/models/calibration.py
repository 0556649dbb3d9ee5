"""Calibrated logits: a scale and a shift of what a trained model says, kept with its weights.

    state = calibrated(model.state_dict(), scale, shift)       # what a checkpoint keeps
    checkpoint.load_weights(model, state, path)                # the model's logits are calibrated from now on

Any model can have them, and none has to provide for it (Platt, 1999). The weights of a model that is not
calibrated have no further key, and its logits keep their bits. Ranks of clips never change, because the scale
is positive.
"""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch takes seconds to load
    from torch import Tensor, nn

    from telltale.models.output import Output

KEY = "calibration"


def calibrated(state: dict[str, "Tensor"], scale: float, shift: float) -> dict[str, "Tensor"]:
    """The weights `state`, of a model that is not calibrated, with logits of scale * logit + shift. Raises
    ValueError for a scale that is not positive, or a number that is not finite."""
    import torch

    if not (scale > 0 and math.isfinite(scale) and math.isfinite(shift)):
        raise ValueError(f"calibration: wanted a finite shift and a positive scale, got {shift} and {scale}")
    return {**state, KEY: torch.tensor([scale, shift], dtype=torch.float32)}


def without(state: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The weights without their calibration, if they have one."""
    return {name: value for name, value in state.items() if name != KEY}


def prepare(model: "nn.Module", state: dict[str, "Tensor"]) -> None:
    """Let `model` calibrate its logits if the weights `state`, which are to be loaded into it, say how."""
    import torch

    if KEY in state and not hasattr(model, KEY):
        model.register_buffer(KEY, torch.tensor([1.0, 0.0]))
        # A hook, so that every way of calling the model finds it, a compiled one and a copy too.
        model.register_forward_hook(_calibrate)


def _calibrate(model: "nn.Module", given: Any, output: "Output") -> "Output":
    scale, shift = model.get_buffer(KEY).unbind()
    return output._replace(logit=output.logit * scale + shift)
