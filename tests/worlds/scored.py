"""Labelled scores whose metrics are known by hand, and random ones with many ties."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from telltale.metrics.resampling import bootstrap
from telltale.metrics.summary import summary

# Falling: 0.9 f, 0.8 g f (tied), 0.6 f, 0.4 g, 0.2 f g (tied), 0.1 g;  4 forged, 4 genuine.
# ROC in steps (FPR, TPR): (0, 1/4) (1/4, 2/4) (1/4, 3/4) (2/4, 3/4) (3/4, 1) (1, 1)
TARGETS = np.array([1, 0, 1, 1, 0, 1, 0, 0])
SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.4, 0.2, 0.2, 0.1])


@st.composite
def scored(draw: st.DrawFn, steps: int = 15, most: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Targets of both classes and scores on a grid of `steps` steps, so that ties are frequent."""
    both = st.lists(st.integers(0, 1), min_size=2, max_size=most).filter(lambda t: 0 < sum(t) < len(t))
    targets = draw(both)
    scores = draw(st.lists(st.integers(0, steps), min_size=len(targets), max_size=len(targets)))
    return np.array(targets), np.array(scores) / steps


def measured(targets: np.ndarray, scores: np.ndarray, resamples: int = 2) -> dict[str, Any]:
    """The summary of a model with so many resamples."""
    return summary(targets, scores, bootstrap(targets, scores, resamples=resamples, seed=0))
