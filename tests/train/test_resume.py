"""What a run may go on with: another number of epochs only where the steps done would have been the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from memory_world import SmallModel, configured
from torch import nn

from telltale import config
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.models.norms import few_samples
from telltale.runtime import distributed
from telltale.train import objectives, run_folder

PROCESS = distributed.Process(0, 1, torch.device("cpu"))


def left(folder: Path, settings: config.Config, epoch: int, step: int = 0, **more: Any) -> Path:
    """A run's folder with a last.pt that stands at `epoch` and `step`."""
    folder.mkdir()
    content = {"config": settings.model_dump(mode="json"), "progress": {"epoch": epoch, "step": step}, **more}
    checkpoint.save(folder / "last.pt", content)
    return folder


def go_on(folder: Path, settings: config.Config) -> dict[str, Any] | None:
    return run_folder.prepare(folder, settings, PROCESS, resume=True, force=False)


@pytest.mark.parametrize(
    ("optim", "epoch", "step", "allowed"),
    [
        ({"schedule": "constant"}, 3, 0, True),
        ({"schedule": "constant", "warmup_steps": 9}, 1, 2, True),
        ({"schedule": "step", "step_epochs": 1}, 3, 0, True),
        ({"schedule": "cosine"}, 3, 0, False),
        ({"schedule": "cosine"}, 0, 1, True),  # the first step has the whole rate, whatever comes
        ({"schedule": "cosine"}, 0, 2, False),
        (
            {"schedule": "hold", "hold": 0.5},
            1,
            6,
            True,
        ),  # 16 steps of 30 and of 50: both hold the rate as long
        ({"schedule": "hold", "hold": 0.5}, 1, 7, False),
    ],
)
def test_more_epochs_are_allowed_where_no_step_done_would_have_had_another_rate(
    tmp_path: Path, optim: dict[str, Any], epoch: int, step: int, allowed: bool
) -> None:
    then = configured(optim=optim)
    folder = left(tmp_path / "run", then, epoch, step, steps_per_epoch=10)
    assert go_on(folder, then) is not None
    more = config.override(then, ["optim.epochs=5", "optim.patience=2"])
    if allowed:
        assert go_on(folder, more) is not None
        return
    with pytest.raises(
        InputError,
        match=rf"optim\.epochs=3, now it is 5; by schedule '{optim['schedule']}' steps that are done",
    ):
        go_on(folder, more)


def test_a_state_of_before_its_epochs_length_was_kept_is_judged_too(tmp_path: Path) -> None:
    for schedule, allowed in (("constant", True), ("cosine", False)):
        then = configured(optim={"schedule": schedule})
        folder = left(tmp_path / schedule, then, 1, 5)
        if allowed:
            assert go_on(folder, config.override(then, ["optim.epochs=9"])) is not None
        else:
            with pytest.raises(InputError, match="learning rates"):
                go_on(folder, config.override(then, ["optim.epochs=9"]))


class Pictures(nn.Module):
    """A model whose batch norm sees pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)


@pytest.mark.parametrize(
    ("name", "size", "world", "more", "said"),
    [
        (
            "audiovisual",
            8,
            8,
            [],
            "=8 over 8 processes leaves batch norm few clips .*, 1 a step; .*batch_size=64, or",
        ),
        ("audiovisual", 8, 1, [], None),
        (
            "audiovisual",
            4,
            1,
            [],
            "=4 over 1 process leaves batch norm few clips .*, 4 a step; .*batch_size=8$",
        ),
        ("audiovisual", 64, 8, [], None),
        ("audiovisual", 8, 8, ["optim.sync_batch_norm=true"], None),
        ("xception", 8, 8, ["clip.frames=8"], None),
        (
            "xception",
            8,
            8,
            ["clip.frames=4"],
            "few pictures to estimate from, 4 a step; .*data.batch_size=16,",
        ),
        ("sbi", 8, 8, ["clip.frames=4"], None),  # a genuine clip and its forgery
    ],
)
def test_few_samples_for_batch_norm_are_warned_of_with_the_remedy(
    name: str, size: int, world: int, more: list[str], said: str | None
) -> None:
    settings = config.parse({"model": {"name": name}, "data": {"batch_size": size}}, "test")
    settings = config.override(settings, more)
    found = few_samples(Pictures(), settings, objectives.build(settings, []).unit, world)
    assert (found is None) == (said is None)
    if said is not None:
        assert re.search(said, found or ""), found
    assert few_samples(SmallModel(plain=True), settings, "clips", world) is None
