"""The clips that metrics measure: what each one is, how a detector scored it, and the threshold in use."""

from dataclasses import dataclass
from functools import cached_property

from telltale.metrics.rates import Floats, Integers, check, roc


@dataclass(frozen=True)
class LabelledScores:
    """N clips with their scores, as every metric's `function` gets them.

    targets: (N,) int64, 0 genuine or 1 forged, at least one of each.
    fake_probabilities: (N,) float64 in [0, 1].
    threshold: clips of at least this fake probability are flagged as forged.

    Raises InputError as `rates.check` does.
    """

    targets: Integers
    fake_probabilities: Floats
    threshold: float = 0.5

    def __post_init__(self) -> None:
        targets, fake_probabilities = check(self.targets, self.fake_probabilities)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "fake_probabilities", fake_probabilities)

    @property
    def n_forged(self) -> int:
        return int(self.targets.sum())

    @property
    def n_genuine(self) -> int:
        return len(self.targets) - self.n_forged

    @cached_property
    def curve(self) -> tuple[Floats, Floats]:
        """False and true positive rates, as `rates.roc` gives them; computed once for all metrics."""
        return roc(self.targets, self.fake_probabilities)
