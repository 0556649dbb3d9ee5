"""Optimiser, learning rate and averaged weights, each built from the configuration."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from telltale import config


def optimiser(parameters: Iterable[nn.Parameter], settings: config.Optim) -> torch.optim.Optimizer:
    """AdamW, Adam (with L2 in the gradient, as torch defines it) or SGD with momentum."""
    trained = [p for p in parameters if p.requires_grad]
    rate, decay = settings.rate, settings.weight_decay
    if settings.name == "sgd":
        return torch.optim.SGD(trained, lr=rate, momentum=settings.momentum, weight_decay=decay)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(trained, lr=rate, weight_decay=decay)


def rate_at(settings: config.Optim, step: int, steps_per_epoch: int) -> float:
    """The learning rate of one step, a closed form: nothing to save, nothing to restore.

    step: batches since the run began. "step" is `StepLR(step_epochs, step_gamma)` stepped once an epoch; "cosine" falls to 0 at
    the run's last step; the first `warmup_steps` steps rise linearly to it.
    """
    warmth = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    if settings.schedule == "step":
        return warmth * settings.rate * settings.step_gamma ** (step // steps_per_epoch // settings.step_epochs)
    if settings.schedule == "cosine":
        done = min(1.0, step / (settings.epochs * steps_per_epoch))
        return warmth * settings.rate * 0.5 * (1 + math.cos(math.pi * done))
    return warmth * settings.rate


def average(model: nn.Module, settings: config.Optim) -> AveragedModel | None:
    """An exponential moving average of weights and buffers, or None if `ema_decay` is 0."""
    if not settings.ema_decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True)
