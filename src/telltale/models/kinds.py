"""A further head, in training alone, that tells genuine clips and each kind of forgery apart by the features.

It stands in no model's file: `add` gives it to any model whose `Output` has features (N, width). It lies in a
module called `learning`, so it is neither counted nor shipped, and it never changes the logit.
"""

from typing import Any

from torch import nn

from telltale.models.inputs import full_precision
from telltale.models.output import Output


def add(model: nn.Module, methods: int) -> nn.Module:
    """The model, whose `Output.training` is from now on, in training mode, a tuple of one tensor: float32 (N,
    methods + 1), the scores of genuine and of each kind of forgery. model: has the attribute `width`."""
    model.learning = nn.Linear(model.width, methods + 1)  # type: ignore[arg-type]
    model.register_forward_hook(_judge)
    return model


def _judge(model: nn.Module, given: Any, output: Output) -> Output:
    # A hook, so that DistributedDataParallel, which wants every weight used in one call of the model, finds
    # the head's there.
    if not model.training or model.learning is None:
        return output
    features = output.features.float()
    with full_precision(features):
        return output._replace(training=(model.learning(features),))  # type: ignore[operator]
