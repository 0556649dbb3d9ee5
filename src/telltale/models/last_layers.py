"""The last layers of a model, which alone are trained with `optim.trained: last`.

Which layers are last, one call of the model shows: their order in the module need not be that of the call.
"""

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from telltale import config
from telltale.config import detectors
from telltale.models.blank_clip import blank_clip

COUNT = 2  # as in transfer learning of deepfake detectors (OneRuleAll and those that followed it)


def last_layers(model: nn.Module, settings: config.Config) -> list[nn.Module]:
    """The last `COUNT` linear or convolutional layers that are called up to the end of the head, in the order
    of the call. Layers that weight frames or draw maps after the head are none of them. The model stays as
    it is."""
    called: list[nn.Module] = []
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)]
    hooks = [layer.register_forward_hook(lambda layer, *_: called.append(layer)) for layer in layers]
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            reads = detectors.reads(settings.model)
            model(**blank_clip(settings.mel, settings.clip, next(model.parameters()).device, reads))
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    of_head = set(getattr(model, "detector", model).head.modules())  # type: ignore[union-attr]
    end = max(number for number, layer in enumerate(called) if layer in of_head)
    return list(dict.fromkeys(reversed(called[: end + 1])))[:COUNT][::-1]


def freeze_others(model: nn.Module, settings: config.Config) -> None:
    """Leave gradients to the last layers alone. Batch norm's statistics are for `norms.hold`."""
    layers = last_layers(model, settings)
    model.requires_grad_(False)
    for layer in layers:
        layer.requires_grad_(True)
