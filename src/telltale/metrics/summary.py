"""The body of metrics.json for one model: every metric with its value and interval, and what each one
means."""

from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.metrics import table
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.resampling import Draws, with_interval


def summary(targets: npt.ArrayLike, fake_probabilities: npt.ArrayLike, draws: Draws) -> dict[str, Any]:
    """Every metric of `table.METRICS` at `draws.threshold`, then the counts and the definitions.

    targets: (N,) int, 0 genuine or 1 forged. fake_probabilities: (N,) float in [0, 1]. draws: from
    `bootstrap` on the same clips. Raises InputError as `rates.check`.
    """
    clips = LabelledScores(np.asarray(targets), np.asarray(fake_probabilities), draws.threshold)
    return {
        **{metric.key: _measured(metric, clips, draws.values[metric.key]) for metric in table.METRICS},
        "n_genuine": clips.n_genuine,
        "n_forged": clips.n_forged,
        "bootstrap": {"resamples": draws.resamples, "seed": draws.seed, "interval": 0.95},
        "definitions": table.definitions(),
    }


def _measured(metric: table.Metric, clips: LabelledScores, drawn: Any) -> dict[str, Any]:
    """{"value", "low", "high"}; for a metric of several parts, the same for each part that was resampled, and
    the other parts as they are."""
    value = metric.function(clips)
    if not isinstance(value, dict):
        return with_interval(value, drawn)
    parts: dict[str, Any] = {}
    for part, number in value.items():
        parts[part] = with_interval(number, drawn[part]) if part in drawn else number
        if metric.resolved is not None:
            parts[part]["resolved"] = metric.resolved(clips, part)
    return parts
