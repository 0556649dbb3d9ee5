"""Comparing what a reproduction gave with what the bundle holds: scores, metrics, figures, weights."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale.competition.audit_record import Finding
from telltale.errors import InputError
from telltale.reproduce.checks import few
from telltale.scores.score import Score


@dataclass(frozen=True)
class ScoreChanges:
    """How two score files of the same clips differ.

    clips: how many are scored in both files; the other numbers are over these.
    largest, mean: of |Δ fake probability|; 0 without clips.
    ranks: how many clips change their rank.
    statuses: a sentence for each clip whose status changes.
    auc_before, auc_now: NaN if the clips are all genuine or all forged.
    """

    clips: int
    largest: float
    mean: float
    ranks: int
    statuses: tuple[str, ...]
    auc_before: float
    auc_now: float

    def sentence(self, limit: float) -> str:
        """The changes in words; limit: the tolerance of a fake probability."""
        if self.statuses:
            return f"other statuses: {few(self.statuses)}"
        if not self.largest:
            return f"{self.clips:,} clips, the same to the bit"
        return (
            f"{self.clips:,} clips, {self.largest:.2g} apart at most, {self.mean:.2g} on average; "
            f"tolerance {limit:g}; {self.ranks:,} change their rank"
        )


def compare(before: Mapping[str, Score], now: Mapping[str, Score], labels: Mapping[str, int]) -> ScoreChanges:
    """Compare two score files, joined by name. labels: clip name → 1 forged, 0 genuine.

    Raises InputError if the files are not of the same clips.
    """
    from scipy.stats import rankdata
    from sklearn.metrics import roc_auc_score

    if before.keys() != now.keys():
        odd = sorted(before.keys() ^ now.keys())
        raise InputError(
            f"{len(odd)} clips are in one of two score files alone, the first '{odd[0]}'; wanted the same "
            "clips"
        )
    statuses = [
        f"{n}: {s.status} there, {now[n].status} here" for n, s in before.items() if s.status != now[n].status
    ]
    names = [
        n for n, s in before.items() if s.fake_probability is not None and now[n].fake_probability is not None
    ]
    old, new = (
        np.array([rows[name].fake_probability for name in names], dtype=float) for rows in (before, now)
    )
    apart = np.abs(old - new)
    truth = [labels[name] for name in names]
    several = len(set(truth)) > 1
    aucs = [float(roc_auc_score(truth, values)) if several else math.nan for values in (old, new)]
    ranks = int(np.count_nonzero(rankdata(old) != rankdata(new)))
    largest, mean = (float(apart.max()), float(apart.mean())) if names else (0.0, 0.0)
    return ScoreChanges(len(names), largest, mean, ranks, tuple(statuses), *aucs)


def figures(before: Path, now: Path, rule: str) -> Finding:
    """Whether two folders hold the same figures, to the byte. rule: the finding's name."""
    old, new = ({path.name: path.read_bytes() for path in folder.glob("*.png")} for folder in (before, now))
    names = sorted(old.keys() | new.keys())
    other = [f"{name} is another picture" for name in names if old.get(name) != new.get(name)]
    return Finding(rule, not other, few(other) or f"{len(new)}, the same to the byte")


def same_weights(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether two state dictionaries hold the same tensors to the bit, and the answer in words."""
    if before.keys() != now.keys() or any(before[name].shape != now[name].shape for name in before):
        return False, "of another shape"
    other = [name for name in before if not bool((before[name] == now[name]).all())]
    if not other:
        return True, "the same to the bit"
    worst = max(float((before[name].double() - now[name].double()).abs().max()) for name in other)
    return False, f"other in {len(other)} of {len(before)} tensors, by {worst:.2g} at most"


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path such as "groups.0.auc", value) of every value of a JSON tree."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if children is None:
        yield path, tree
    else:
        for key, child in children:
            yield from leaves(child, f"{path}.{key}" if path else str(key))


def unequal(before: Any, now: Any, tolerance: float) -> Iterator[str]:
    """Sentences on the values of two JSON trees that differ; numbers by more than `tolerance`, relative or
    absolute."""
    first, second = dict(leaves(before)), dict(leaves(now))
    for path in [*first, *(path for path in second if path not in first)]:
        old, new = first.get(path, "nothing"), second.get(path, "nothing")
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
        if old != new and not (numbers and math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance)):
            yield f"{path}: {old} there, {new} here"
