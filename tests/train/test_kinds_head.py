"""The further head of plain classifiers, which tells kinds of forgery apart: in training alone."""

from pathlib import Path

import pytest
import torch
from detector_world import MEL, SMALL, normal
from programs import CONFIG
from torch import nn

from telltale import config, models
from telltale.data.batch import Batch, SampleInfo
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.train import objectives

KINDS = ["swap", "lips", "swap", None]


def settings_of(name: str, weight: float) -> config.Config:
    backbones = [f"model.picture_backbone={SMALL['picture_backbone']}"] if name == "frame_cnn" else []
    size = ["clip.image_size=32", "mel.n_mels=64"]
    return config.read(
        Path(CONFIG), [f"model.name={name}", f"objective.method_weight={weight}", *backbones, *size]
    )


def rows() -> list[Row]:
    return [Row(f"{at}.mp4", Path(f"{at}.mp4"), int(kind is not None), kind) for at, kind in enumerate(KINDS)]


def batch(settings: config.Config) -> Batch:
    there = torch.ones(4, 1, dtype=torch.bool)
    pictures = (normal(4, 1, 2, 32, 32, 3).abs() * 80).clamp(0, 255).to(torch.uint8)
    infos = [SampleInfo(row, f"{row}.mp4", float(KINDS[row] is not None), "ok") for row in range(4)]
    target = torch.tensor([info.target for info in infos])
    return Batch(infos, pictures, normal(4, 1, 64, 63), there, there, torch.rand(4, 1, 2), target, there)


def built(settings: config.Config, methods: int) -> nn.Module:
    torch.manual_seed(3)
    return models.build(settings.model, MEL, settings.clip, initialise=True, methods=methods)


@pytest.mark.parametrize("name", ["frame_cnn", "mel_cnn", "audiovisual"])
def test_the_head_learns_kinds_and_is_neither_shipped_nor_seen_in_the_logit(name: str) -> None:
    settings = settings_of(name, 0.5)
    objective = objectives.build(settings, rows())
    assert objective.methods == 2
    plain, model = built(settings, 1), built(settings, objective.methods)
    given = batch(settings)

    torch.manual_seed(0)
    losses = objective(model.train(), given, 0)
    torch.manual_seed(0)
    before = objectives.build(settings_of(name, 0), rows())(plain.train(), given, 0)
    assert set(before.terms) == {"cross_entropy"} and set(losses.terms) == {"cross_entropy", "kinds"}
    assert torch.equal(losses.terms["cross_entropy"], before.terms["cross_entropy"])
    losses.total.backward()
    assert model.learning.weight.grad.abs().sum() > 0

    assert set(models.shipped(model.state_dict())) == set(plain.state_dict())
    smaller = models.for_prediction(model).eval()
    assert sum(each.numel() for each in smaller.parameters()) == sum(
        each.numel() for each in plain.parameters()
    )
    inputs = given.inputs(torch.device("cpu"))
    assert smaller(**inputs).training is None and model.eval()(**inputs).training is None


def test_the_loss_is_the_cross_entropy_of_the_named_kinds() -> None:
    settings = settings_of("frame_cnn", 0.5)
    objective = objectives.build(settings, rows())
    model, given = built(settings, 2).eval(), batch(settings)
    model.training = True  # the head speaks, and no layer below draws or counts
    output = model(**given.inputs(torch.device("cpu")))
    scores = output.training[0].log_softmax(1)
    expected = -(scores[0, 2] + scores[1, 1] + scores[2, 2] + scores[3, 0]) / 4
    torch.testing.assert_close(objective(model, given, 0).terms["kinds"], 0.5 * expected)


def test_one_kind_needs_no_head_and_other_objectives_take_none() -> None:
    one = [Row("0.mp4", Path("0.mp4"), 1, None), Row("1.mp4", Path("1.mp4"), 0, None)]
    assert objectives.build(settings_of("frame_cnn", 0.5), one).methods == 1
    assert objectives.build(settings_of("frame_cnn", 0), rows()).methods == 1
    with pytest.raises(InputError, match="method_weight: sbi has an objective of its own"):
        config.read(Path("sbi"), ["objective.method_weight=1"])
