"""The memory that a training step takes on a device, estimated without a device: the step's forward pass runs
on fake tensors.

    footprint = estimate(settings, world=1)
    footprint.total, footprint.activations          # bytes of each process's device

Counted are weights, gradients, the optimiser's state and the tensors that autograd keeps for the backward
pass, each storage once. For the gradients of activations during the backward pass, twice the largest of these
tensors is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from telltale import config, models
from telltale.config import detectors
from telltale.data.batch import Batch, SampleInfo, blank
from telltale.data.dataset import ClipDataset
from telltale.data.views import Views
from telltale.predict.inference import autocast
from telltale.runtime.fake_tensors import fake_tensors
from telltale.train import objectives

REMEDY = (
    "wanted a smaller data.batch_size (and optim.accumulate=N for the same update from N batches), fewer "
    "clip.frames, a smaller clip.image_size, or optim.autocast=bf16"
)
# CUDA's context, with cuDNN and cuBLAS and their workspaces: 0.5 to 1 GB, depending on card and driver.
CONTEXT_BYTES = 1_000_000_000
# Tensors of state that an optimiser keeps for each weight.
STATES = {"adamw": 2, "adam": 2, "sgd": 1}


@dataclass(frozen=True)
class Footprint:
    """All in bytes.

    weights: with buffers
    states: of the optimiser, with averaged weights and the copy of the sharpness-aware step
    inputs: of one batch
    activations: kept for the backward pass
    largest: the largest of these
    """

    weights: int
    gradients: int
    states: int
    inputs: int
    activations: int
    largest: int

    @property
    def total(self) -> int:
        fixed = self.weights + self.gradients + self.states + CONTEXT_BYTES
        # The next batch is copied to the device while the model works on one.
        return fixed + 2 * self.inputs + self.activations + 2 * self.largest

    def verdict(self, card_bytes: float | None) -> str:
        """A sentence on what a step takes, and whether a card with `card_bytes` has it; None: no card."""
        kept, fixed = self.activations / 1e9, (self.weights + self.gradients + self.states) / 1e9
        parts = f"{kept:.1f} of activations, {fixed:.1f} of weights, gradients and optimiser"
        said = f"a step of training takes about {self.total / 1e9:.1f} GB of a GPU's memory ({parts})"
        if card_bytes is None:
            return said
        if self.total <= card_bytes:
            return f"{said}; a card of {card_bytes / 1e9:.1f} GB has it"
        return f"{said}; WILL NOT FIT a card of {card_bytes / 1e9:.1f} GB: {REMEDY}"

    def as_dict(self) -> dict[str, int]:
        return {**vars(self), "total": self.total}


def estimate(settings: config.Config, world: int = 1) -> Footprint:
    """The footprint of one of `world` processes. Raises InputError for a model that cannot be built."""
    objective = objectives.build(settings, [])
    clips = max(-(-settings.data.batch_size // world), 2 if objective.unit == "pairs" else 1)
    with fake_tensors():
        model = models.build(
            settings.model, settings.mel, settings.clip, initialise=False, methods=objective.methods
        )
        model.train()
        batch = _batch(settings, clips, Views.of_training(objective.unit))
        activations, largest = _kept(model, objective, batch, settings)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        weights, gradients = _bytes([*model.parameters(), *model.buffers()]), _bytes(trained)
        inputs = _bytes([batch.pictures, batch.mel, batch.crops, batch.mouth])
    states = STATES[settings.optim.name] * gradients
    states += weights * bool(settings.optim.ema_decay) + gradients * bool(settings.optim.sam_rho)
    return Footprint(weights, gradients, states, inputs, activations, largest)


def _batch(settings: config.Config, clips: int, views: Views) -> Batch:
    shapes = ClipDataset([], settings, detectors.reads(settings.model), views).shapes()
    infos = [SampleInfo(row, f"{row}.mp4", float(row % 2), "ok") for row in range(clips)]
    return blank(infos, shapes)


def _kept(model: nn.Module, objective: Any, batch: Batch, settings: config.Config) -> tuple[int, int]:
    """Bytes that autograd keeps of a forward pass, without weights and buffers, and those of the largest
    storage."""
    own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    # The kept tensors live as long as the losses, so no storage gets the address of a freed one.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with autocast(torch.device("cpu"), settings.optim.autocast):
            losses = objective(model, batch, 0)
        del losses
    return sum(sizes.values()), max(sizes.values(), default=0)


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
