"""Detectors whose mathematics can be chosen: as published, or as it was for older checkpoints; the scale of
SPSL's phase."""

from pathlib import Path
from typing import Any

import pytest
import torch

from telltale import config, models
from telltale.models import spsl

torch.set_num_threads(1)

CONFIGS = Path(__file__).parents[2] / "configs"


def build(name: str, size: int = 64, methods: int | None = None, **changes: object) -> Any:
    """The detector, from seed 0."""
    torch.manual_seed(0)
    settings = config.ModelSettings.model_validate({"name": name, **changes})
    return models.build(
        settings, config.MelSettings(), config.ClipSettings(image_size=size), initialise=True, methods=methods
    ).detector


@pytest.mark.parametrize("name", ["ucf", "lav"])
def test_revision_2_leaves_out_the_relu_behind_xceptions_last_batch_norm(name: str) -> None:
    pictures, maps = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)), []
    for revision in (1, 2):
        detector = build(name, methods=1, revision=revision).eval().requires_grad_(False)
        if name == "ucf":
            encoders = (detector.forgery, detector.learning.content)
            maps.append(torch.stack([encoder.backbone(detector.normalise(pictures)) for encoder in encoders]))
        else:
            maps.append(detector.streams(pictures)[1][-1])
    before, published = maps
    assert published.amin() < 0
    assert torch.equal(before, published.relu())


def test_revision_2_gives_shallownet_keras_batch_norm() -> None:
    norms = [build("shallownet_v3", 24, revision=revision).norm for revision in (1, 2)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(1e-5, 0.1), (1e-3, 0.01)]


def test_configs_are_the_published_networks_and_older_checkpoints_stay_what_they_were() -> None:
    for name in ("ucf", "lav", "shallownet_v3"):
        settings = config.read(CONFIGS / f"{name}.yaml")
        assert settings.model.revision == 2
        older = settings.model_dump(mode="json")
        del older["model"]["revision"]
        assert config.parse(older, "best.pt").model.revision == 1


def test_an_orthonormal_phase_channel_is_the_same_at_the_scale_of_a_picture() -> None:
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, scaled = spsl.phase_channel(pictures), spsl.phase_channel(pictures, "ortho")
    torch.testing.assert_close(scaled, 64 * plain)
    assert scaled.square().mean().item() == pytest.approx(1, rel=1e-3)
    wide, narrow = (build("spsl", spsl_trunk="shallow", spsl_norm=norm) for norm in ("ortho", "backward"))
    with torch.no_grad():
        assert not torch.allclose(wide(pictures).logit, narrow(pictures).logit, atol=1e-3)
