"""Everything that a training step changes, and how it is put into `last.pt` and taken out again, bit for
bit."""

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
    """The next step to do, the running sums of its epoch over all processes, and what earlier epochs gave.

    `best_mean` is the mean probability that the model gave the training clips during its best epoch.
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
        """Count one step: sums over the step's readable clips, by term of the loss, how many were not, the
        time it took."""
        self.step += 1
        self.loss_sum += sum(terms.values())
        for name, value in terms.items():
            self.terms[name] = self.terms.get(name, 0.0) + value
        self.probability_sum += probability
        self.clips += clips
        self.unreadable += unreadable
        self.seconds += seconds

    def next_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        self.terms = {}
        self.loss_sum = self.probability_sum = self.clips = self.unreadable = self.seconds = 0.0


@dataclass
class State:
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
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "progress": asdict(self.progress),
        }

    def restore(self, content: dict[str, Any]) -> None:
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.progress = Progress(**content["progress"])


def begin(model: nn.Module, settings: config.OptimSettings, device_type: str) -> State:
    """The state before the first step; `model` is already on its device."""
    scaler = GradScaler(device_type, enabled=settings.autocast == "fp16")
    return State(model, optim.optimiser(model, settings), scaler, optim.average(model, settings), Progress())
