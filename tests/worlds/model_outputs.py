"""Outputs of models that tests make up."""

from torch import Tensor

from telltale.models.output import Output


def output_of(logit: Tensor) -> Output:
    """A model's output of the logits (N,), which are its features too."""
    return Output(logit, {}, None, logit.unsqueeze(1))
