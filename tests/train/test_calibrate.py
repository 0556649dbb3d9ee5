"""Calibration: the scale and the shift are those of another fit, ranks stay, and what cannot be fitted is a
status."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from telltale.models import calibration, checkpoint
from telltale.scores.score import Score
from telltale.scores.table import write_scores
from telltale.train.calibrate import calibrate, fitted


def drawn(
    seed: int, count: int = 200, scale: float = 3.0, shift: float = -1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are calibrated by scale * logit + shift, and targets."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 0.7, count)
    return logits, (rng.random(count) < expit(scale * logits + shift)).astype(float)


def loss(weights: np.ndarray, logits: np.ndarray, targets: np.ndarray) -> float:
    n, m = targets.sum(), (1 - targets).sum()
    wanted = np.where(targets == 1, (n + 1) / (n + 2), 1 / (m + 2))
    given = weights[0] * logits + weights[1]
    return float(np.mean(np.logaddexp(0, given) - wanted * given))


@pytest.mark.parametrize("seed", range(4))
def test_no_other_numbers_fit_better(seed: int) -> None:
    logits, targets = drawn(seed)
    found = fitted(logits, targets)
    assert not isinstance(found, str)
    best = minimize(
        loss, np.zeros(2), (logits, targets), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}
    )
    np.testing.assert_allclose(found, best.x, atol=1e-4)
    assert abs(found[0] - 3.0) < 1.5


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e3])
def test_scores_without_an_error_scale_up_to_an_end(spread: float) -> None:
    logits = np.array([-2.0, -1.0, 1.0, 2.0]) * spread
    found = fitted(logits, np.array([0.0, 0.0, 1.0, 1.0]))
    assert not isinstance(found, str) and 0 < found[0] < np.inf
    # The highest probability comes near that of a clip of two by Laplace's rule.
    assert 0.5 < expit(found[0] * logits[-1] + found[1]) < 0.95


def test_what_cannot_be_fitted_is_said() -> None:
    logits, targets = drawn(1)
    assert fitted(-logits, targets) == "forged validation clips have no higher logits than genuine ones"
    assert fitted(logits, np.ones(200)) == "the validation clips with a score are of one class only"
    assert fitted(np.zeros(0), np.zeros(0)) == "the validation clips with a score are of one class only"


def run(folder: Path, logits: np.ndarray, more: dict[str, object] | None = None) -> None:
    scores = [Score(f"{n}.mp4", float(expit(x)), "ok", 1.0) for n, x in enumerate(logits)]
    write_scores(folder / "validation_scores.csv", [*scores, Score("gone.mp4", None, "missing", None)])
    content = {"model": {"w": torch.ones(2)}, "mean_score": 0.25, **(more or {})}
    checkpoint.save(folder / "best.pt", content)


def test_a_checkpoint_is_calibrated_once_and_its_mean_score_with_it(tmp_path: Path) -> None:
    logits, targets = drawn(5)
    run(tmp_path, logits)
    names = {f"{n}.mp4": int(t) for n, t in enumerate(targets)} | {"gone.mp4": 1}
    assert calibrate(tmp_path, names).startswith("best.pt is calibrated on 200 validation clips: logits * ")
    content = checkpoint.load(tmp_path / "best.pt")
    record = content["calibration"]
    assert record["status"] == "ok" and record["clips"] == 200
    np.testing.assert_allclose((record["scale"], record["shift"]), fitted(logits, targets), rtol=1e-9)
    kept = content["model"][calibration.KEY]
    np.testing.assert_allclose(kept.numpy(), (record["scale"], record["shift"]), rtol=1e-6)
    assert torch.equal(content["model"]["w"], torch.ones(2))
    moved = expit(record["scale"] * np.log(0.25 / 0.75) + record["shift"])
    assert content["mean_score"] == pytest.approx(moved)
    made = expit(record["scale"] * logits + record["shift"])
    assert roc_auc_score(targets, made) == roc_auc_score(targets, logits)
    before = (tmp_path / "best.pt").read_bytes()
    assert calibrate(tmp_path, names) == "best.pt was calibrated before"
    assert (tmp_path / "best.pt").read_bytes() == before


def test_a_run_that_cannot_be_calibrated_keeps_its_weights_and_says_why(tmp_path: Path) -> None:
    logits, targets = drawn(6)
    run(tmp_path, -logits)
    names = {f"{n}.mp4": int(t) for n, t in enumerate(targets)}
    said = "best.pt is not calibrated: forged validation clips have no higher logits than genuine ones"
    assert calibrate(tmp_path, names) == said
    content = checkpoint.load(tmp_path / "best.pt")
    assert calibration.KEY not in content["model"] and content["mean_score"] == 0.25
    assert content["calibration"] == {"status": said.partition(": ")[2]}


def test_scores_of_exactly_0_and_1_are_fitted_too(tmp_path: Path) -> None:
    run(tmp_path, np.array([-800.0, -1.0, 0.5, 800.0]))
    calibrate(tmp_path, {"0.mp4": 0, "1.mp4": 0, "2.mp4": 1, "3.mp4": 1})
    assert checkpoint.load(tmp_path / "best.pt")["calibration"]["scale"] > 0
