"""CUDA on a machine without a GPU: fake tensors, which have a shape, a dtype and the device `cuda:0`, but no
values.

    with fake_cuda():
        model = build().to(CUDA)              # costs no memory, whatever its size
        # Computes nothing; raises if a tensor of the host meets one of the device.
    model(torch.zeros(4, 3, device=CUDA))

torch applies its own rules on which devices may meet. What depends on values is decided as in
`telltale.runtime.fake_tensors`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from telltale.runtime.fake_tensors import fake_tensors

CUDA = torch.device("cuda:0")


def _apply(module: nn.Module, change: Any, recurse: bool = True) -> nn.Module:
    """`nn.Module._apply` for fake parameters, which torch cannot put in place of one another."""
    for child in module.children():
        child._apply(change)
    for name, weight in module._parameters.items():
        if weight is not None:
            with torch.no_grad():
                changed = change(weight)
            if changed is not weight:
                module._parameters[name] = nn.Parameter(changed, weight.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = change(buffer)
    return module


def _backward(loss: Tensor) -> None:
    """`Tensor.backward`, node by node: torch's own engine asks the CUDA driver for the streams of the devices
    it meets."""
    waiting: dict[Any, int] = {}
    pending = [loss.grad_fn]
    while pending:
        for following, _ in pending.pop().next_functions:
            if following is not None:
                waiting[following] = waiting.get(following, 0) + 1
                pending += [following] if waiting[following] == 1 else []
    gradients: dict[Any, list[Tensor | None]] = {loss.grad_fn: [torch.ones_like(loss)]}
    ready = [loss.grad_fn]
    with torch.no_grad():
        while ready:
            node = ready.pop()
            given = [_fitted(*each) for each in zip(gradients.pop(node), node._input_metadata, strict=True)]
            if hasattr(node, "variable"):
                weight = node.variable
                weight.grad = given[0] if weight.grad is None else weight.grad + given[0]
                continue
            found = node(*given)
            for gradient, (following, place) in zip(
                found if isinstance(found, tuple) else (found,), node.next_functions, strict=True
            ):
                if following is None:
                    continue
                sums = gradients.setdefault(following, [None] * len(following._input_metadata))
                if gradient is not None:
                    # A layer used twice gets its bias's gradient once per row, of two numbers of rows.
                    gradient = _fitted(gradient, following._input_metadata[place])
                    sums[place] = gradient if sums[place] is None else sums[place] + gradient
                waiting[following] -= 1
                ready += [following] if waiting[following] == 0 else []


def _fitted(gradient: Tensor | None, wanted: Any) -> Tensor:
    """The gradient as the engine hands it to a node: of the shape and dtype of what it is the gradient of."""
    if gradient is None:
        return torch.zeros(wanted.shape, dtype=wanted.dtype, device=wanted.device)
    assert gradient.device == wanted.device, f"a gradient on {gradient.device} of a tensor on {wanted.device}"
    return gradient.sum_to_size(wanted.shape).to(wanted.dtype)


class Stream:
    """A CUDA stream or event, whichever is asked for, on which nothing has to be waited for."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device

    def wait_event(self, event: "Stream") -> None: ...

    def record_event(self) -> "Stream":
        return Stream(self.device)


def _numpy(tensor: Tensor) -> np.ndarray:
    assert tensor.device.type == "cpu", f"numpy() of a tensor on {tensor.device}"
    assert not tensor.requires_grad
    return np.ones(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


@contextmanager
def fake_cuda(*, selected: bool = True) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, fake_tensors(selected=selected):
        # autocast would otherwise turn itself off, with a warning.
        patch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
        patch.setattr("torch.cuda.is_bf16_supported", lambda: True)
        patch.setattr(nn.Module, "_apply", _apply)
        # A copied model's weights are fake in the same mode.
        patch.setattr(FakeTensorMode, "__deepcopy__", lambda mode, memo: mode, raising=False)
        patch.setattr(Tensor, "backward", _backward)
        patch.setattr(Tensor, "numpy", _numpy)
        patch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
        patch.setattr(Tensor, "record_stream", lambda tensor, stream: None)
        patch.setattr("torch.cuda.Stream", Stream)
        patch.setattr("torch.cuda.stream", lambda stream: nullcontext())
        patch.setattr("torch.cuda.current_stream", Stream)
        yield
