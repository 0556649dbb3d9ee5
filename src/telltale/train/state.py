"""The state of a training run: all that a step changes, saved in last.pt and restored bit for bit."""

from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from telltale import config
from telltale.train import optim


@dataclass
class Progress:
    """How far the run is. Sums are over all processes.

    epoch, step: of the next batch, from 0
    loss_sum, terms: sums of the loss and of each of its terms over the epoch's readable clips so far
    probability_sum: sum of the probabilities that the model gave these clips
    clips, unreadable: numbers of clips of the epoch that were trained on, and that could not be read
    seconds: that the epoch took so far
    best_epoch, best_auc, best_tpr: the best epoch by `optim.select`, from 0, and its validation AUC and TPR
        at FPR 1e-3; -1 before the first validation
    best_mean: mean probability of the training clips in the best epoch
    history: one row an epoch, as in history.csv
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    terms: dict[str, float] = field(default_factory=dict)
    probability_sum: float = 0.0
    clips: float = 0.0
    unreadable: float = 0.0
    seconds: float = 0.0
    best_epoch: int = -1
    best_auc: float = -1.0
    best_tpr: float = -1.0
    best_mean: float = 0.5
    history: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, terms: dict[str, float], probability: float, clips: float, unreadable: float, seconds: float
    ) -> None:
        """Count one step.

        terms, probability: sums over the step's readable clips
        clips, unreadable: numbers of readable clips and of others
        seconds: that the step took
        """
        self.step += 1
        self.loss_sum += sum(terms.values())
        for name, value in terms.items():
            self.terms[name] = self.terms.get(name, 0.0) + value
        self.probability_sum += probability
        self.clips += clips
        self.unreadable += unreadable
        self.seconds += seconds

    def next_epoch(self) -> None:
        """Go to the next epoch's first step and set the epoch's sums to zero."""
        self.epoch, self.step = self.epoch + 1, 0
        self.terms = {}
        self.loss_sum = self.probability_sum = self.clips = self.unreadable = self.seconds = 0.0


@dataclass
class State:
    """average: the moving average of the weights, None without `optim.ema_decay`; scaler: of the loss, does
    nothing but in fp16."""

    model: nn.Module
    optimiser: Optimizer
    scaler: GradScaler
    average: AveragedModel | None
    progress: Progress

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and saved in best.pt: the averaged one if there is one."""
        return self.model if self.average is None else self.average.module

    def content(self) -> dict[str, Any]:
        """The state as plain values and tensors, which are not copied."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "progress": asdict(self.progress),
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Take over the state that `content` returned."""
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.progress = Progress(**content["progress"])


def initial_state(model: nn.Module, settings: config.OptimSettings, device_type: str) -> State:
    """The state before the first step. model: already on its device, of type `device_type`."""
    scaler = GradScaler(device_type, enabled=settings.autocast == "fp16")
    return State(model, optim.optimiser(model, settings), scaler, optim.average(model, settings), Progress())
