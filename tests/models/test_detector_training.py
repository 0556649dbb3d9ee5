"""Every detector learns what it is shown, from random weights, by train.py and predict.py.

`make test` trains three small ones on small clips, `make test-slow` all of them on the data and with the
budget of `make detectors`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import detectors
from telltale.config.detectors import DETECTORS
from telltale.demo import plan
from telltale.demo.dataset import DatasetSpec, write_dataset

# The kinds of forgery of the small clips: those that leave traces which 64 pixels and 0.6 seconds keep, and
# one kind for each sense that is not in training.
KINDS = ("face_swap", "face_resampled", "voice_resynthesised")
UNSEEN = ("whole_face_reenacted", "voice_converted")
SMALL = DatasetSpec({"train": 144, "validation": 24, "test": 80}, seed=1, seconds=0.6, size=64)
BUDGET = ["clip.image_size=64", "clip.seconds=0.6", "clip.frames=1", "threads=1"]
# The mel image has 224 x 224 pixels whatever the clip, so that a step costs more and there are fewer.
OWN = {
    "mel_cnn": ["optim.epochs=4", "data.batch_size=8", "optim.warmup_steps=5"],
    "shallownet_v3": ["optim.epochs=7"],
    "resnet18": ["optim.epochs=8"],
}

Made = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def small(made: Made) -> Path:
    """Small clips of easy kinds, made once for all test processes."""

    def write(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "SEEN_KINDS", KINDS)
            patch.setattr(plan, "UNSEEN_KINDS", UNSEEN)
            write_dataset(folder / "data", SMALL, workers=1)
        detectors.make_data(folder)

    return made("small-detectors", write)


@pytest.fixture(scope="session")
def full(made: Made) -> Path:
    """The demo data of `make detectors`, made once for all test processes."""
    return made("detectors", detectors.make_data)


def check(name: str, world: Path, overrides: list[str]) -> None:
    found = detectors.measure(name, world, overrides)
    assert found["seen"]["value"] > 0.8
    assert found["seen"]["low"] <= found["seen"]["value"] <= found["seen"]["high"]


@pytest.mark.parametrize("name", OWN)
def test_a_detector_learns_easy_kinds_of_forgery_from_small_clips(small: Path, name: str) -> None:
    check(name, small, [*BUDGET, *OWN[name]])


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_learns_the_kinds_of_forgery_that_it_is_shown(full: Path, name: str) -> None:
    check(name, full, [])
