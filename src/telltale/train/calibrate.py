"""Calibration of a finished run: its best weights' logits are scaled and shifted, so that probabilities fit
the validation split (Platt, 1999; the guarded targets and Newton's method of Lin, Lin and Weng, 2007).

    scale, shift = fitted(logits, targets)
    sentence = calibrate(folder, targets)           # writes them into best.pt, once

The scale is positive, so no rank and no AUC changes. last.pt stays as it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from telltale.models import calibration, checkpoint
from telltale.scores.table import read_scores

RECORD = "calibration"  # of a checkpoint: what came of it
# Probabilities nearer to 0 and 1 than this have lost the logit that they were.
NEAREST = 1e-12
ROUNDS, SMALL = 100, 1e-10


def calibrate(folder: Path, targets: Mapping[str, int | None]) -> str:
    """Calibrate best.pt in `folder` by its validation_scores.csv; return a sentence on what came of it.

    targets: of the validation clips by name, 0 genuine and 1 forged. Once it is done, best.pt has the scale
    and the shift with its weights, and what came of it as "calibration": "status" "ok" with the numbers, or
    why there are none. Raises InputError if a file cannot be read or written.
    """
    path = folder / "best.pt"
    content = checkpoint.load(path)
    if RECORD in content:
        return "best.pt was calibrated before"
    scores = read_scores(folder / "validation_scores.csv").values()
    known = [
        (score.fake_probability, target)
        for score in scores
        if score.fake_probability is not None and (target := targets.get(score.video_name)) is not None
    ]
    probabilities = np.array([p for p, _ in known]).clip(NEAREST, 1 - NEAREST)
    found = fitted(logit(probabilities), np.array([t for _, t in known], np.float64))
    record: dict[str, Any] = {"status": found}
    if not isinstance(found, str):
        scale, shift = found
        record = {"status": "ok", "scale": scale, "shift": shift, "clips": len(known)}
        content["model"] = calibration.calibrated(content["model"], scale, shift)
        # The mean score of the training clips, which unreadable clips get, is moved like any score.
        mean = float(np.clip(content["mean_score"], NEAREST, 1 - NEAREST))
        content["mean_score"] = float(expit(scale * logit(mean) + shift))
    checkpoint.save(path, {**content, RECORD: record})
    if isinstance(found, str):
        return f"best.pt is not calibrated: {found}"
    return f"best.pt is calibrated on {len(known)} validation clips: logits * {found[0]:.4g} + {found[1]:.4g}"


def fitted(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> tuple[float, float] | str:
    """Scale and shift under which the cross-entropy of `logits` is the lowest; or why there are none.

    logits: float64 (N,), finite; targets: float64 (N,), 0 or 1. The targets that are fitted are (n + 1) /
    (n + 2) for the n forged clips and 1 / (n + 2) for the n genuine ones, so that scores without an error
    do not scale up without end.
    """
    forged, genuine = float(targets.sum()), float(len(targets) - targets.sum())
    if not forged or not genuine:
        return "the validation clips with a score are of one class only"
    wanted = np.where(targets == 1, (forged + 1) / (forged + 2), 1 / (genuine + 2))
    inputs = np.stack([logits, np.ones_like(logits)], 1)
    # It begins at the share of forged clips.
    weights = np.array([0.0, np.log((forged + 1) / (genuine + 1))])
    for _ in range(ROUNDS):
        probabilities = expit(inputs @ weights)
        gradient = inputs.T @ (probabilities - wanted)
        curvature = (inputs * (probabilities * (1 - probabilities))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        before, length = _cross_entropy(inputs @ weights, wanted), 1.0
        # A whole step may overshoot where the curve is flat; a part of it never does.
        while _cross_entropy(inputs @ (weights - length * step), wanted) > before and length > SMALL:
            length /= 2
        weights = weights - length * step
        if np.abs(gradient).max() < SMALL * len(logits):
            break
    if not np.isfinite(weights).all():
        return "no scale and shift fit the validation clips"
    if weights[0] <= 0:
        return "forged validation clips have no higher logits than genuine ones"
    return float(weights[0]), float(weights[1])


def _cross_entropy(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - targets * logits))
