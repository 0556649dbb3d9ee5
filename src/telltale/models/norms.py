"""Batch norm over the batch of all processes, also if a process has no rows of it.

    model = synchronise(model)  # nn.SyncBatchNorm in place of every batch norm; the weights keep their names
    with silent(model):         # this process takes part in the exchange without rows of its own
        loss = 0 * model(stand_in).sum()

A synchronised layer waits until every process has called it. So a process without rows calls it too, with an
empty tensor, which torch leaves out of the mean and the variance. The stand-in rows never enter the
statistics.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from telltale import config
from telltale.config.detectors import DETECTORS

FEWEST = 8  # samples that batch norm needs to estimate a mean and a variance well


def few_samples(model: nn.Module, settings: config.Config, unit: str, world: int) -> str | None:
    """The warning for a model whose batch norm gets few samples a step in each process; None if it gets
    enough.

    unit: of the model's objective.
    world: number of processes.

    Samples are clips. If the model scores single frames, they are pictures.
    """
    held = settings.optim.trained == "last"
    if held or not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return None
    apart = 1 if settings.optim.sync_batch_norm else world
    per_frame = DETECTORS[settings.model.name].per_frame
    each = settings.clip.frames * (2 if unit == "genuine" else 1) if per_frame else 1
    size, wanted = settings.data.batch_size, -(-FEWEST // each) * apart
    if size // apart * each >= FEWEST:
        return None
    return (
        f"warning: data.batch_size={size} over {world} process{'es' if world > 1 else ''} leaves batch norm "
        "few"
        f" {'pictures' if per_frame else 'clips'} to estimate from, {size // apart * each} a step; wanted "
        f"{FEWEST} or more:"
        f" give data.batch_size={wanted}" + (", or optim.sync_batch_norm=true on CUDA" if apart > 1 else "")
    )


def synchronise(model: nn.Module) -> nn.Module:
    """The model with nn.SyncBatchNorm in place of every batch norm, timm's with an activation included."""
    from timm.layers import convert_sync_batchnorm

    return convert_sync_batchnorm(model)


def hold(model: nn.Module) -> None:
    """Keep the statistics of batch norm as they are, until `model.train()` is called again."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


@contextmanager
def silent(model: nn.Module) -> Iterator[None]:
    """Within this context, synchronised layers of `model` exchange an empty tensor and normalise their input
    by its own statistics."""
    changed = [module for module in _synchronised(model) if not _is_silent(module)]
    for module in changed:
        module.forward = partial(_alone, module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def share(module: nn.Module, rows: Tensor) -> tuple[Tensor, bool]:
    """The rows of a batch that `module` is to read, int64 (R,), and whether this process needs stand-in rows.

    Without synchronised layers all `rows` are read. With them a silent module reads none, and needs stand-in
    rows if another process has rows. All processes call this function.
    """
    layer = next(_synchronised(module), None)
    if layer is None or not module.training or not dist.is_initialized():
        return rows, False
    rows = rows[:0] if _is_silent(layer) else rows
    total = torch.tensor(len(rows), device=rows.device)
    dist.all_reduce(total)
    return rows, len(rows) == 0 and int(total) > 0


def _synchronised(model: nn.Module) -> Iterator[nn.SyncBatchNorm]:
    return (module for module in model.modules() if isinstance(module, nn.SyncBatchNorm))


def _is_silent(layer: nn.Module) -> bool:
    return "forward" in vars(layer)


def _alone(layer: nn.SyncBatchNorm, inputs: Tensor) -> Tensor:
    """Call a synchronised layer without rows: it takes part in the exchange, in the backward pass too, and
    `inputs` are normalised as by a layer that is not synchronised."""
    # The other processes exchange float32, under autocast too.
    nothing = type(layer).forward(layer, inputs[:0].float()).sum()
    own = torch.batch_norm(
        inputs, layer.weight, layer.bias, None, None, True, 0.0, layer.eps, torch.backends.cudnn.enabled
    )
    return own + nothing.to(own.dtype)
