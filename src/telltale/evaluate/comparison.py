"""Several models on the same clips: the spread of their metrics, and each one's difference from the first."""

import math
from collections.abc import Sequence
from typing import Any

from telltale.evaluate.scored_clips import ScoredClips
from telltale.metrics import delong, table
from telltale.metrics.resampling import Draws, with_interval

DEFINITIONS = {
    "spread": "mean and sample standard deviation of the models' values",
    "comparisons": "the second model less the first on the same clips; auc: DeLong's test, p two-sided; "
    "bootstrap: both models measured on the same resampled clips",
}


def compared(clips: ScoredClips, draws: Sequence[Draws], trees: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """{"models", "spread", "comparisons"}, from each model's draws and tree of metrics."""
    return {
        "models": list(trees),
        "spread": spread([{metric.key: tree[metric.key] for metric in table.METRICS} for tree in trees]),
        "comparisons": [_difference(clips, draws, trees, second) for second in range(1, len(trees))],
    }


def spread(trees: Sequence[Any]) -> dict[str, Any]:
    """Mean and sample standard deviation of the models' values: the first tree's keys, with {"mean", "sd"} in
    place of each entry that has a value. What has no value is left out."""
    if "value" in trees[0]:
        values = [tree["value"] for tree in trees]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        return {"mean": mean, "sd": math.sqrt(variance)}
    spreads = {
        key: spread([tree[key] for tree in trees])
        for key, entry in trees[0].items()
        if isinstance(entry, dict)
    }
    return {key: entry for key, entry in spreads.items() if entry}


def _difference(
    clips: ScoredClips, draws: Sequence[Draws], trees: Sequence[dict[str, Any]], second: int
) -> dict[str, Any]:
    """The model at index `second` less the first one: DeLong's test of the AUC, and the metrics by which the
    table compares models. Draws of one number hold the same clips, so their differences are paired."""
    names = clips.models[0], clips.models[second]
    bootstrapped: dict[str, Any] = {}
    for metric in table.METRICS:
        if metric.compared:
            before, after = (
                (trees[model][metric.key], draws[model].values[metric.key]) for model in (0, second)
            )
            bootstrapped[metric.key] = _paired(before, after)
    return {
        "first": names[0],
        "second": names[1],
        "auc": delong.compare(clips.targets, *(clips.scores_of(name) for name in names)),
        "bootstrap": bootstrapped,
    }


def _paired(before: tuple[Any, Any], after: tuple[Any, Any]) -> dict[str, Any]:
    """`after` less `before`, with interval, of each part that was resampled. Each is the entry of a tree and
    the draws of it."""
    (entry, drawn), (other_entry, other_drawn) = before, after
    if not isinstance(drawn, dict):
        return with_interval(other_entry["value"] - entry["value"], other_drawn - drawn)
    return {
        part: with_interval(
            other_entry[part]["value"] - entry[part]["value"], other_drawn[part] - drawn[part]
        )
        for part in drawn
    }
