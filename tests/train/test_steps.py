"""Steps that are more than one gradient, and epochs that are more than rows: SAM, pairs, genuine clips with
two views."""

import itertools

import numpy as np
import pytest
import torch
from memory_world import MemoryClips, Run, SmallModel, configured, same_weights
from torch import nn

from telltale import config
from telltale.data.batch import EVALUATION, SampleKey, read_batch
from telltale.data.dataset import ClipDataset
from telltale.data.manifest import Row
from telltale.data.order import TrainOrder
from telltale.data.views import Views
from telltale.forge.face import Landmarks
from telltale.forge.selfblend import change_alike
from telltale.runtime import distributed
from telltale.train.optim import perturbed, rate_at

TARGETS = [0, 1, 1, 0, 1, 1, 0, 1]


def test_sams_second_gradient_is_that_of_the_perturbed_weights_and_the_weights_return() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    inputs = torch.randn(6, 3, dtype=torch.double)

    def loss() -> torch.Tensor:
        return model(inputs).square().mean()

    loss().backward()
    first = [p.grad.clone() for p in model.parameters()]
    before = [p.detach().clone() for p in model.parameters()]
    statistics = model[1].running_mean.clone()
    norm = torch.cat([g.flatten() for g in first]).norm()
    with perturbed(model, 0.05):
        for weight, old, gradient in zip(model.parameters(), before, first, strict=True):
            torch.testing.assert_close(weight.detach(), old + 0.05 * gradient / norm)
            assert weight.grad is None
        loss().backward()
    assert all(torch.equal(weight, old) for weight, old in zip(model.parameters(), before, strict=True))
    assert torch.equal(model[1].running_mean, statistics)
    assert model[1].momentum == 0.1
    # By hand: the same gradient at the weights moved by hand.
    second = [p.grad.clone() for p in model.parameters()]
    with torch.no_grad():
        for weight, gradient in zip(model.parameters(), first, strict=True):
            weight.add_(0.05 * gradient / norm)
    model.zero_grad()
    loss().backward()
    for ours, theirs in zip(second, model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs.grad)


def test_weights_return_even_if_the_second_pass_fails() -> None:
    model = nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    before = model.weight.detach().clone()
    with pytest.raises(ArithmeticError), perturbed(model, 0.5):
        raise ArithmeticError
    assert torch.equal(model.weight, before)


def test_a_sharpness_aware_step_of_the_loop_is_two_gradients_and_one_update() -> None:
    settings = configured(
        optim={"epochs": 1, "sam_rho": 0.1, "name": "sgd", "momentum": 0.0, "schedule": "constant"}
    )
    settings = config.override(settings, ["data.batch_size=8", "optim.weight_decay=0"])
    run = Run(settings, MemoryClips(TARGETS), plain=True)
    done = run.go()
    distributed.seed(settings.seed)
    model = SmallModel(plain=True)
    (keys,) = TrainOrder(np.array(TARGETS), settings, 0, 1).batches_from(0)
    given = read_batch(run.train, keys)

    def backward() -> None:
        model.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(
            model(None, given.mel[:, 0], None, None).logit, given.target
        ).backward()

    backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    before = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * p.grad / norm)
    backward()
    for ours, old, p in zip(done.model.parameters(), before, model.parameters(), strict=True):
        torch.testing.assert_close(ours.detach(), old - 0.05 * p.grad)


def test_a_sharpness_aware_run_resumes_bit_equal_and_bad_settings_are_refused() -> None:
    settings = configured(optim={"sam_rho": 0.05})
    whole = Run(settings, MemoryClips(TARGETS * 3)).go()
    cut = Run(settings, MemoryClips(TARGETS * 3))
    cut.go(stop_at=7)
    assert same_weights(Run(settings, MemoryClips(TARGETS * 3)).go(resumed=cut.saved[-1]).model, whole.model)
    for wrong in ({"accumulate": 2}, {"autocast": "fp16"}):
        with pytest.raises(Exception, match="sam_rho takes two gradients of each batch"):
            configured(optim={"sam_rho": 0.05, **wrong})


def test_the_rate_is_held_and_then_falls_to_nothing() -> None:
    optim = config.OptimSettings(rate=2.0, epochs=10, schedule="hold", hold=0.75)
    rates = [rate_at(optim, step, 4) for step in range(41)]
    assert rates[:31] == [2.0] * 31
    assert rates[35] == pytest.approx(1.0)
    assert rates[40] == 0.0
    assert all(a >= b for a, b in itertools.pairwise(rates))


def test_a_genuine_clip_comes_as_itself_and_as_its_forgery(tiny) -> None:
    path = sorted((tiny / "train").iterdir())[0]
    still = {f"{name}_p": 0.0 for name in ("flip", "crop", "jpeg", "blur", "noise", "colour")}
    settings = configured(
        model={"name": "sbi"}, clip={"frames": 3, "image_size": 64, "seconds": 1.0}, augment=still
    )
    row = Row(path.name, path, 0)
    data = ClipDataset([row], settings, ("picture",), Views(training=True, blends=True))
    one = read_batch(data, [SampleKey(0, 0)])
    assert one.pictures.shape[:3] == (1, 2, 3)
    assert one.usable.all()
    genuine, forged = one.pictures[0].float()
    difference = (genuine - forged).abs().amax(3).amax(0)
    assert difference[0].max() == difference[-1].max() == difference[:, 0].max() == 0  # nothing at the border
    assert difference[16:48, 16:48].max() > 8  # something in the face
    assert torch.equal(read_batch(data, [SampleKey(0, 0)]).pictures, one.pictures)
    assert not torch.equal(read_batch(data, [SampleKey(0, 1)]).pictures, one.pictures)
    # Landmarks move the blend to where they are: here the upper left corner.
    corner = np.random.default_rng(0).uniform(0.05, 0.45, (1, 81, 2)).astype(np.float32)
    moved = ClipDataset(
        [row],
        settings,
        ("picture",),
        Views(training=True, blends=True, landmarks={row.video_name: Landmarks(np.zeros(1), corner)}),
    )
    genuine, forged = read_batch(moved, [SampleKey(0, 0)]).pictures[0].float()
    difference = (genuine - forged).abs().amax(3).amax(0)
    assert difference[34:, 34:].max() == 0 and difference[:32, :32].max() > 4
    # A clip that cannot be read has no usable view, and evaluation knows nothing of all this.
    gone = read_batch(
        ClipDataset(
            [Row("x.mp4", path.with_name("x.mp4"), 0)],
            settings,
            ("picture",),
            Views(training=True, blends=True),
        ),
        [SampleKey(0, 0)],
    )
    assert not gone.usable.any() and not gone.pictures.any()
    assert (
        read_batch(ClipDataset([row], settings, ("picture",)), [SampleKey(0, EVALUATION)]).pictures.shape[1]
        == 1
    )


def test_a_pair_is_changed_by_one_draw_with_the_stated_probabilities() -> None:
    frames = np.random.default_rng(1).integers(60, 190, (4, 24, 20, 3)).astype(np.uint8)
    frames[2:] = frames[:2]  # what is equal before is equal after
    still = config.AugmentSettings(flip_p=0, colour_p=0, jpeg_p=0)
    assert np.array_equal(change_alike(frames, still, np.random.default_rng(0)), frames)
    mirrored = change_alike(frames, still.model_copy(update={"flip_p": 1.0}), np.random.default_rng(0))
    assert np.array_equal(mirrored, frames[:, :, ::-1])
    for change in ({"colour_p": 1.0}, {"jpeg_p": 1.0}):
        changed = [
            change_alike(frames, still.model_copy(update=change), np.random.default_rng(seed))
            for seed in range(20)
        ]
        assert all(np.array_equal(each[:2], each[2:]) for each in changed)
        assert len({each.tobytes() for each in changed}) > 10
    shifts = [
        change_alike(
            frames, config.AugmentSettings(flip_p=0, jpeg_p=0, colour_p=0.3), np.random.default_rng(s)
        )
        for s in range(300)
    ]
    assert 0.35 < np.mean([not np.array_equal(each, frames) for each in shifts]) < 0.65  # 1 - 0.7 * 0.7
