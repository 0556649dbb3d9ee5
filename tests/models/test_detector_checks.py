"""A detector that is not what `Detector` says is refused when it is built, before anything is trained."""

from typing import Any

import pytest
import torch
from torch import nn

from telltale import config, models
from telltale.errors import InputError
from telltale.models import frame_level, meso

torch.set_num_threads(1)

DRAWN = {"sound_backbone": "test_efficientnet", "width": 32}


def build(**changes: object) -> nn.Module:
    settings = config.ModelSettings.model_validate(changes)
    return models.build(
        settings,
        config.MelSettings(n_mels=64),
        config.ClipSettings(seconds=1.0, image_size=64),
        initialise=True,
    )


def three_scores(detector: Any) -> None:
    detector.head = nn.Linear(16, 3)


def scores_without_a_batch(detector: Any) -> None:
    detector.head = nn.Sequential(nn.Linear(16, 1), nn.Flatten(0))


def narrow_head(detector: Any) -> None:
    detector.head = nn.Linear(8, 1)


def other_width(detector: Any) -> None:
    detector.width = 32


def unpooled(detector: Any) -> None:
    detector.dense = nn.Identity()


@pytest.mark.parametrize("tower", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            three_scores,
            r"meso4: its head's scores of 2 pictures have the shape \(2, 3\); "
            r"wanted \(2, 1\), .* or \(2, 2\)",
        ),
        (scores_without_a_batch, r"meso4: its head's scores of 2 pictures have the shape \(2,\); wanted"),
        (narrow_head, "meso4: its head cannot read features of width 16"),
        (other_width, r"meso4: its features of 2 pictures have the shape \(2, 16\); wanted \(2, 32\)"),
        (unpooled, r"meso4: its features of 2 pictures have the shape \(2, 64\); wanted \(2, 16\)"),
    ],
)
def test_a_detector_of_another_head_or_width_is_refused_when_it_is_built(
    change: Any, message: str, tower: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object, **__: object) -> meso.Meso:
        detector = meso.Meso("meso4", 64)
        change(detector)
        return detector

    monkeypatch.setattr(meso, "build", wrong)
    chosen = {"name": "audiovisual", "picture_detector": "meso4", **DRAWN} if tower else {"name": "meso4"}
    with pytest.raises(InputError, match=message):
        build(**chosen)


def test_checking_a_detector_draws_and_changes_nothing() -> None:
    torch.manual_seed(0)
    detector = meso.Meso("meso4", 64)
    before, state = (
        torch.get_rng_state(),
        {name: value.clone() for name, value in detector.state_dict().items()},
    )
    frame_level.check("meso4", detector, 64)
    assert torch.equal(torch.get_rng_state(), before)
    assert detector.training
    assert all(torch.equal(value, state[name]) for name, value in detector.state_dict().items())
    # What it cannot read at all is the audit's to tell.
    frame_level.check("meso4", meso.Meso("meso4", 96), 64)
