"""Where an interrupted run goes on, and where it must not: settings that a step depends on are those it was
begun with."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from telltale import config
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.runtime.distributed import Process
from telltale.train import run_folder


def settings(name: str, *overrides: str) -> config.Config:
    file = Path(__file__).parents[2] / "configs" / f"{name}.yaml"
    return config.read(file, list(overrides))


def go_on(folder: Path, asked: config.Config) -> None:
    assert (
        run_folder.prepare(folder, asked, Process(0, 1, torch.device("cpu")), resume=True, force=False)
        is not None
    )


def begun_before_the_key(folder: Path, name: str) -> None:
    """The folder of a run of a time when there was no `objective.per`."""
    tree = settings(name, *(["objective.per=clip"] if name == "resnet18" else [])).model_dump(mode="json")
    del tree["objective"]["per"]
    checkpoint.save(folder / "last.pt", {"config": tree})


def test_a_run_from_before_losses_of_frames_goes_on_with_those_of_clips(tmp_path: Path) -> None:
    begun_before_the_key(tmp_path, "resnet18")
    with pytest.raises(
        InputError, match=r"objective\.per='clip', now it is 'frame'; .* \(--set objective\.per=\"clip\"\)"
    ):
        go_on(tmp_path, settings("resnet18"))
    go_on(tmp_path, settings("resnet18", 'objective.per="clip"'))


@pytest.mark.parametrize("name", ["ucf", "lav", "audiovisual"])
def test_a_run_of_a_detector_that_has_no_choice_goes_on_as_it_is(tmp_path: Path, name: str) -> None:
    begun_before_the_key(tmp_path, name)
    go_on(tmp_path, settings(name))


def test_what_a_step_does_not_depend_on_may_change(tmp_path: Path) -> None:
    state = {"config": settings("meso4").model_dump(mode="json"), "progress": {"epoch": 1, "step": 0}}
    checkpoint.save(tmp_path / "last.pt", state)
    go_on(tmp_path, settings("meso4", "optim.epochs=99", "data.workers=3"))
    with pytest.raises(InputError, match=r"optim\.rate=0\.001, now it is 1e-05 \(and 1 more keys differ\)"):
        go_on(tmp_path, settings("meso4", "optim.rate=1e-5", "seed=9"))


def test_a_checkpoint_of_fewer_keys_keeps_its_fingerprint():
    settings = config.parse({"model": {"name": "resnet18"}}, "test")
    older = settings.model_dump(mode="json")
    del older["objective"]["per"], older["optim"]["sam_rho"], older["store"]
    then = hashlib.sha256(json.dumps(older, sort_keys=True).encode()).hexdigest()[:16]
    now = config.parse(older, "last.pt")
    assert now == settings and config.fingerprint(now) != then
    assert config.fingerprint(now, older) == then
    # A newer key that is set counts, and so does every older one.
    others = [
        ["optim.sam_rho=0.1"],
        ["store.max_gb=3"],
        ["objective.per=frame"],
        ["optim.rate=1e-5"],
        ["predict.spans=2"],
    ]
    assert len({config.fingerprint(config.override(now, each), older) for each in others} | {then}) == 6
