"""The learning rate is a closed form: it must equal what torch's own schedulers give."""

import pytest
import torch

from telltale import config, optim


def test_step_schedule_equals_torchs_steplr() -> None:
    settings = config.Optim(name="adam", rate=1e-3, schedule="step", step_epochs=5, step_gamma=0.1, epochs=12)
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.rate)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 5, 0.1)
    for epoch in range(12):
        rates = [optim.rate_at(settings, epoch * 7 + step, 7) for step in range(7)]
        assert rates == pytest.approx([optimiser.param_groups[0]["lr"]] * 7, rel=1e-12)
        optimiser.step()
        scheduler.step()


def test_cosine_schedule_equals_torchs_and_ends_low() -> None:
    settings = config.Optim(rate=0.5, schedule="cosine", epochs=4)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
    for step in range(40):
        assert optim.rate_at(settings, step, 10) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        optimiser.step()
        scheduler.step()


def test_warm_up_rises_linearly_to_the_rate() -> None:
    settings = config.Optim(rate=1.0, schedule="constant", warmup_steps=4)
    assert [optim.rate_at(settings, step, 10) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)])
def test_each_optimiser_takes_its_settings_and_leaves_frozen_weights_out(name: str, kind: type) -> None:
    trained, frozen = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2), requires_grad=False)
    made = optim.optimiser([trained, frozen], config.Optim(name=name, rate=0.25, weight_decay=0.125))
    assert type(made) is kind
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"], group["params"]) == (0.25, 0.125, [trained])


def test_average_follows_weights_and_buffers_by_its_decay() -> None:
    layer = torch.nn.BatchNorm1d(1)
    average = optim.average(layer, config.Optim(ema_decay=0.75))
    assert average is not None
    average.update_parameters(layer)  # the first update copies
    with torch.no_grad():
        layer.weight += 4.0
        layer.running_mean += 4.0
    average.update_parameters(layer)
    assert average.module.weight.item() == pytest.approx(1.0 + 0.25 * 4.0)
    assert average.module.running_mean.item() == pytest.approx(0.25 * 4.0)
    assert optim.average(layer, config.Optim()) is None
