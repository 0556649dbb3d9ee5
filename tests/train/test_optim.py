"""The learning rate is a closed form: it must equal what torch's own schedulers give."""

import copy
from pathlib import Path

import pytest
import torch

from telltale import config
from telltale.models.frame_level import FrameLevelModel
from telltale.models.shallownet import ShallowNet
from telltale.train import optim

CONFIGS = Path(__file__).parents[2] / "configs"


def test_step_schedule_equals_torchs_steplr() -> None:
    settings = config.OptimSettings(
        name="adam", rate=1e-3, schedule="step", step_epochs=5, step_gamma=0.1, epochs=12
    )
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.rate)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 5, 0.1)
    for epoch in range(12):
        rates = [optim.rate_at(settings, epoch * 7 + step, 7) for step in range(7)]
        assert rates == pytest.approx([optimiser.param_groups[0]["lr"]] * 7, rel=1e-12)
        optimiser.step()
        scheduler.step()


def test_cosine_schedule_equals_torchs_and_ends_low() -> None:
    settings = config.OptimSettings(rate=0.5, schedule="cosine", epochs=4)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
    for step in range(40):
        assert optim.rate_at(settings, step, 10) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        optimiser.step()
        scheduler.step()


def test_warm_up_rises_linearly_to_the_rate() -> None:
    settings = config.OptimSettings(rate=1.0, schedule="constant", warmup_steps=4)
    assert [optim.rate_at(settings, step, 10) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_each_optimiser_takes_its_settings_and_leaves_frozen_weights_out(name: str, kind: type) -> None:
    model = torch.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    made = optim.optimiser(model, config.OptimSettings(name=name, rate=0.25, weight_decay=0.125))
    assert type(made) is kind
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"], group["params"]) == (0.25, 0.125, [model.weight])


def test_decay_of_weights_spares_biases_norms_and_what_a_part_of_the_model_names() -> None:
    class Part(torch.nn.Linear):
        def no_weight_decay(self) -> set[str]:
            return {"weight"}

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 4), Part(4, 1)
    )
    groups = optim.optimiser(model, config.OptimSettings(weight_decay=0.125, decay="weights")).param_groups
    reached = {id(p) for group in groups if group["weight_decay"] == 0.125 for p in group["params"]}
    spared = {id(p) for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    assert reached == {id(model[0].weight), id(model[2].weight)}
    assert reached | spared == {id(p) for p in model.parameters()}
    assert not reached & spared
    (group,) = optim.optimiser(model, config.OptimSettings(weight_decay=0.125)).param_groups
    assert len(group["params"]) == 8


def test_shallownets_decay_adds_to_each_gradient_what_keras_l2_does() -> None:
    """A step of Adam with its groups is a step of plain Adam on the loss with 1e-4 times the sum of squares
    added."""
    settings = config.read(CONFIGS / "shallownet_v3.yaml").optim
    assert (settings.name, settings.weight_decay, settings.decay) == ("adam", 2e-4, "weights")
    torch.manual_seed(0)
    model = FrameLevelModel(ShallowNet(24, dropout=0.0, revision=2), "mean", 1)
    twin = copy.deepcopy(model)
    ours = optim.optimiser(model, settings)
    plain = torch.optim.Adam(twin.parameters(), lr=settings.rate)
    named = [module.weight for module in twin.modules() if isinstance(module, torch.nn.Conv2d)]
    named.append(twin.detector.dense[0].weight)
    assert len(named) == 9
    there = torch.ones(4, dtype=torch.bool)
    for step in range(3):
        pictures = torch.rand(4, 1, 3, 24, 24, generator=torch.Generator().manual_seed(step))
        for net, optimiser, penalty in ((model, ours, 0.0), (twin, plain, 1e-4)):
            optimiser.zero_grad()
            # Small gradients of the loss, so that the penalty shows beside them.
            loss = 1e-3 * net(pictures, None, there, there).logit.square().mean()
            (loss + penalty * sum(weight.square().sum() for weight in named)).backward()
            optimiser.step()
    for (name, one), two in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6, msg=name)


def test_average_follows_weights_and_buffers_by_its_decay() -> None:
    layer = torch.nn.BatchNorm1d(1)
    average = optim.average(layer, config.OptimSettings(ema_decay=0.75))
    assert average is not None
    average.update_parameters(layer)  # the first update copies
    with torch.no_grad():
        layer.weight += 4.0
        layer.running_mean += 4.0
    average.update_parameters(layer)
    assert average.module.weight.item() == pytest.approx(1.0 + 0.25 * 4.0)
    assert average.module.running_mean.item() == pytest.approx(0.25 * 4.0)
    assert optim.average(layer, config.OptimSettings()) is None
