"""What updates the weights: optimiser, learning rate, averaged weights and the sharpness-aware step."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from telltale import config


def optimiser(model: nn.Module, settings: config.OptimSettings) -> torch.optim.Optimizer:
    """AdamW, Adam (with weight decay in the gradient, as torch defines it) or SGD with momentum, for the
    weights of `model` that require gradients."""
    trained: Any = [p for p in model.parameters() if p.requires_grad]
    rate, decay = settings.rate, settings.weight_decay
    if settings.decay == "weights":
        from timm.optim import param_groups_weight_decay  # takes five seconds to import

        trained = param_groups_weight_decay(model, decay, no_weight_decay_list=spared(model))
    if settings.name == "sgd":
        return torch.optim.SGD(trained, lr=rate, momentum=settings.momentum, weight_decay=decay)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(trained, lr=rate, weight_decay=decay)


def spared(model: nn.Module) -> set[str]:
    """Names of the weights without decay: those that `model` and its modules name in `no_weight_decay()`, as
    in timm."""
    parts = [
        (f"{name}." if name else "", part)
        for name, part in model.named_modules()
        if hasattr(part, "no_weight_decay")
    ]
    return {prefix + name for prefix, part in parts for name in part.no_weight_decay()}


def rate_at(settings: config.OptimSettings, step: int, steps_per_epoch: int) -> float:
    """The learning rate of one step. It is a function of the step alone, so a resumed run restores nothing.

    step: batches since the run began

    `settings.schedule` "constant" keeps `rate`. "step" is torch's `StepLR(step_epochs, step_gamma)`, stepped
    once an epoch. "cosine" falls to 0 at the end of the run. "hold" keeps `rate` for the share `hold` of the
    run and then falls linearly to 0. All are multiplied by a factor that rises linearly to 1 in the first
    `warmup_steps` steps.
    """
    warmth = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    if settings.schedule == "step":
        return (
            warmth * settings.rate * settings.step_gamma ** (step // steps_per_epoch // settings.step_epochs)
        )
    done = min(1.0, step / (settings.epochs * steps_per_epoch))
    if settings.schedule == "hold":
        return warmth * settings.rate * min(1.0, (1 - done) / (1 - settings.hold))
    if settings.schedule == "cosine":
        return warmth * settings.rate * 0.5 * (1 + math.cos(math.pi * done))
    return warmth * settings.rate


def average(model: nn.Module, settings: config.OptimSettings) -> AveragedModel | None:
    """An exponential moving average of weights and buffers, None if `ema_decay` is 0."""
    if not settings.ema_decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True)


@contextmanager
def perturbed(model: nn.Module, rho: float) -> Iterator[None]:
    """A block in which each trained weight is moved by `rho` times its gradient over the norm of all
    gradients: to where the loss is about the highest within the distance `rho`. At the end the weights are
    restored bit for bit; the gradients of the block stay.

    This is the first half of sharpness-aware minimisation (Foret, Kleiner, Mobahi and Neyshabur, ICLR 2021).
    Gradients must be present; they are cleared at the beginning. Running statistics of batch norm do not
    change in the block, because they belong to the weights that are kept.
    """
    trained = [p for p in model.parameters() if p.grad is not None]
    kept = [p.detach().clone() for p in trained]
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        scale = rho / (
            torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in trained])) + 1e-12
        )
        for weight in trained:
            weight.add_(weight.grad * scale)
            weight.grad = None
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        with torch.no_grad():
            for weight, before in zip(trained, kept, strict=True):
                weight.copy_(before)
