"""Detectors whose mathematics can be chosen: as published, or as it was for older checkpoints."""

from pathlib import Path

import pytest
import torch
from detector_world import detector

from telltale import config

torch.set_num_threads(1)

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", ["ucf", "lav"])
def test_revision_2_leaves_out_the_relu_behind_xceptions_last_batch_norm(name: str) -> None:
    pictures, maps = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)), []
    for revision in (1, 2):
        network = detector(name, methods=1, revision=revision).eval().requires_grad_(False)
        if name == "ucf":
            encoders = (network.forgery, network.learning.content)
            maps.append(torch.stack([encoder.backbone(network.normalise(pictures)) for encoder in encoders]))
        else:
            maps.append(network.streams(pictures)[1][-1])
    before, published = maps
    assert published.amin() < 0
    assert torch.equal(before, published.relu())


def test_revision_2_gives_shallownet_keras_batch_norm() -> None:
    norms = [detector("shallownet_v3", 24, revision=revision).norm for revision in (1, 2)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(1e-5, 0.1), (1e-3, 0.01)]


def test_configs_are_the_published_networks_and_older_checkpoints_stay_what_they_were() -> None:
    for name in ("ucf", "lav", "shallownet_v3"):
        settings = config.read(CONFIGS / f"{name}.yaml")
        assert settings.model.revision == 2
        older = settings.model_dump(mode="json")
        del older["model"]["revision"]
        assert config.parse(older, "best.pt").model.revision == 1
