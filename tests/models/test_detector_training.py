"""Every detector learns what it is shown: trained on the data and with the budget of `make detectors`."""

from pathlib import Path

import pytest
from filelock import FileLock

from bench import detectors
from telltale.config.detectors import DETECTORS

# Quick ones in every test run; `make test-slow` has them all.
FAST = ("mel_cnn", "shallownet_v3", "resnet18")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The demo data of `make detectors`, made once for all test processes."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder if worker_id == "master" else folder.parent) / "detectors"
    folder.parent.mkdir(exist_ok=True, parents=True)
    with FileLock(folder.parent / "detectors.lock"):
        folder.mkdir(exist_ok=True)
        detectors.make_data(folder)
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in DETECTORS]
)
def test_a_detector_learns_the_kinds_of_forgery_that_it_is_shown(world: Path, name: str) -> None:
    found = detectors.measure(name, world, [])
    assert found["seen"]["value"] > 0.8
    assert found["seen"]["low"] <= found["seen"]["value"] <= found["seen"]["high"]
