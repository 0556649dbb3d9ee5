"""Calibrated logits: kept with the weights, for every model, and nothing else changes."""

import copy
from pathlib import Path

import pytest
import torch
from detector_world import clips, logits, model

from telltale import config
from telltale.models import calibration, checkpoint
from telltale.models.start import start

torch.set_num_threads(1)


def test_calibrated_weights_make_any_model_give_calibrated_logits() -> None:
    network = model("frame_cnn").eval()
    before = logits(network, clips(3))
    state = calibration.calibrated(network.state_dict(), 0.5, -1.25)
    assert set(state) - set(network.state_dict()) == {calibration.KEY}
    other = model("frame_cnn").eval()
    checkpoint.load_weights(other, state, Path("best.pt"))
    for each in (other, copy.deepcopy(other)):
        torch.testing.assert_close(logits(each, clips(3)), 0.5 * before - 1.25)
    # They are among its weights, so a copy of these is calibrated too; loaded twice they count once.
    assert torch.equal(other.state_dict()[calibration.KEY], torch.tensor([0.5, -1.25]))
    checkpoint.load_weights(other, other.state_dict(), Path("best.pt"))
    torch.testing.assert_close(logits(other, clips(3)), 0.5 * before - 1.25)


def test_weights_that_are_not_calibrated_have_no_further_key_and_keep_their_bits() -> None:
    network, other = model("frame_cnn").eval(), model("frame_cnn", width=8).eval()
    state = network.state_dict()
    checkpoint.load_weights(other, state, Path("best.pt"))
    assert set(other.state_dict()) == set(state) and calibration.KEY not in state
    assert torch.equal(logits(other, clips(2)), logits(network, clips(2)))
    assert calibration.without(calibration.calibrated(state, 2.0, 0.0)).keys() == state.keys()


def test_a_run_that_starts_from_a_calibrated_checkpoint_is_not_calibrated(tmp_path: Path) -> None:
    settings = config.parse({"model": {"name": "frame_cnn", "picture_backbone": "test_resnet"}}, "test")
    network = model("frame_cnn")
    content = {"config": settings.model_dump(mode="json"), "provenance": {}}
    state = calibration.calibrated(network.state_dict(), 3.0, 1.0)
    checkpoint.save(tmp_path / "best.pt", {**content, "model": state})
    other = model("frame_cnn", dropout=0.5)
    start(other, config.override(settings, [f"model.start_from={tmp_path / 'best.pt'}"]))
    assert calibration.KEY not in other.state_dict()
    assert torch.equal(logits(other.eval(), clips(2)), logits(network.eval(), clips(2)))


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.0, 0.0), (-1.0, 0.0), (float("inf"), 0.0), (1.0, float("nan"))]
)
def test_a_calibration_that_would_turn_clips_round_is_refused(scale: float, shift: float) -> None:
    with pytest.raises(ValueError, match="calibration: wanted a finite shift and a positive scale"):
        calibration.calibrated({}, scale, shift)
