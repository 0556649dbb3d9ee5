"""Tensors without values: a shape, a dtype and a device. A model of any size runs on them without memory or
arithmetic.

    with fake_tensors():
        model = build()
        model(torch.zeros(256, 3, 456, 456))

torch's fake tensors raise at operations whose result depends on values. Here a convention answers: every
value is 1, and a mask selects everything, or nothing with `selected=False`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class AssumedValues(TorchDispatchMode):
    """Answers what fake tensors cannot: the value of an element, and the indices at which a mask is True."""

    def __init__(self, selected: bool) -> None:
        super().__init__()
        self.selected = selected

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is aten._local_scalar_dense.default:
            dtype = args[0].dtype
            return True if dtype == torch.bool else 1.0 if dtype.is_floating_point else 1
        if func is aten.nonzero.default:
            return self.true_indices(args[0])
        if func is aten._unique2.default:
            distinct = args[0].flatten()
            return distinct.clone(), torch.zeros_like(args[0]), distinct.clone()
        if func in (aten.index.Tensor, aten.index_put_.default, aten.index_put.default):
            # Index by a mask means index by where it is True. torch accepts both from the host's memory, too.
            indices = [part for index in args[1] for part in self.without_masks(index)]
            args = (args[0], indices, *args[2:])
        return func(*args, **(kwargs or {}))

    def without_masks(self, index: Tensor | None) -> list[Tensor | None]:
        if index is None or index.dtype != torch.bool:
            return [index]
        return list(self.true_indices(index).unbind(1))

    def true_indices(self, mask: Tensor) -> Tensor:
        """long (count, dimensions of the mask)."""
        count = mask.numel() if self.selected else 0
        return torch.empty(count, mask.ndim, dtype=torch.long, device=mask.device)


@contextmanager
def fake_tensors(*, selected: bool = True) -> Iterator[None]:
    """Inside the block every tensor that is made is a fake one."""
    count_devices()
    with FakeTensorMode(), AssumedValues(selected):
        yield


def count_devices() -> None:
    """Let autograd count the devices before the first fake tensor.

    It counts them at the first backward. If a FakeTensorMode was entered before, it counts GPUs that are not
    there and starts a thread for each, and then no process that is forked later can run a backward.
    """
    with torch.inference_mode(False), torch.enable_grad():
        torch.zeros(1, device="cpu", requires_grad=True).sum().backward()
