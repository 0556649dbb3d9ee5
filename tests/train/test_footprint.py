"""What a training step takes of a GPU's memory: worked by hand in the small, the shipped configurations in
the large."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from memory_world import MemoryClips, Run, configured

from telltale import config
from telltale.cli import main
from telltale.data.views import Views
from telltale.errors import InputError
from telltale.train import loop
from telltale.train.footprint import estimate

CONFIGS = Path(__file__).parents[2] / "configs"
GIB = 2**30


def test_activations_are_those_that_the_review_measured_and_grow_with_the_batch() -> None:
    read = ["data.batch_size=32", "clip.frames=8", "optim.accumulate=1", "optim.autocast=off"]
    whole = estimate(config.read(CONFIGS / "xception.yaml", read))
    assert whole.activations / GIB == pytest.approx(42, abs=1)
    half = estimate(config.read(CONFIGS / "xception.yaml", [*read, "data.batch_size=16"]))
    assert half.activations == pytest.approx(whole.activations / 2, rel=0.01)
    # 20,811,050 weights in float32, their gradients, Adam's two moments of each; 32 clips of 8 pictures of
    # 256 x 256.
    assert whole.gradients == 4 * 20_811_050 and whole.states == 2 * whole.gradients
    assert whole.inputs == 32 * 8 * 256 * 256 * 3
    bf16 = estimate(config.read(CONFIGS / "xception.yaml", [*read, "optim.autocast=bf16"]))
    assert 0.45 < bf16.activations / whole.activations < 0.75
    assert estimate(config.read(CONFIGS / "xception.yaml", read), world=2) == half


def test_what_is_kept_is_what_autograd_keeps_of_real_tensors() -> None:
    settings = config.read(
        CONFIGS / "meso4.yaml", ["clip.frames=1", "clip.image_size=64", "data.batch_size=4"]
    )
    from telltale import models
    from telltale.train import objectives

    objective = objectives.build(settings, [])
    model = models.build(
        settings.model, settings.mel, settings.clip, initialise=True, methods=objective.methods
    )
    own, kept = {w.data_ptr() for w in (*model.parameters(), *model.buffers())}, {}
    from telltale.train.footprint import _batch

    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t), lambda t: t
    ):
        losses = objective(model, _batch(settings, 4, Views()), 0)
    real = sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in own)
    assert losses.total.isfinite()
    assert estimate(settings).activations == pytest.approx(real, rel=0.02)


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_configuration_trains_on_a_card_of_24_gb(file: Path) -> None:
    assert estimate(config.read(file)).total < 24e9


def test_plan_says_before_it_measures_that_a_configuration_will_not_fit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    asked = ["plan", "--videos", "5", "--config", str(CONFIGS / "meso4.yaml"), "--clips", str(tmp_path)]
    for card, said in (
        ("24", "a card of 24.0 GB has it"),
        ("1.2", "WILL NOT FIT a card of 1.2 GB: wanted a smaller"),
    ):
        assert main([*asked, "--card-gb", card]) == 2  # there is nothing to measure
        assert said in capsys.readouterr().out
    assert main([*asked, "--card-gb", "0"]) == 2
    assert "--card-gb 0.0: wanted the GPU's memory in GB" in capsys.readouterr().err


def test_out_of_memory_in_training_is_one_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7 GiB.\nmore")

    monkeypatch.setattr(loop, "backward", short)
    with pytest.raises(
        InputError, match=r"^cpu: out of memory in a step of training \(CUDA .*7 GiB\.\); wanted a smaller"
    ):
        Run(configured(), MemoryClips([0, 1] * 4)).go()


def test_a_process_forked_after_fake_tensors_can_learn():
    """In a process of its own: what autograd counts, it counts once."""
    program = """
import os, torch
from telltale.runtime.fake_tensors import fake_tensors

def learn():
    torch.ones(1, requires_grad=True).sum().backward()

with fake_tensors():
    torch.zeros(2)
learn()
if not (child := os.fork()):
    learn()
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
