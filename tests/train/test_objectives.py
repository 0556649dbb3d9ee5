"""What trains each detector: its terms and its batches."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from model_outputs import output_of
from torch import Tensor, nn
from torch.nn import functional

from telltale import config, models
from telltale.data.batch import Batch, SampleInfo
from telltale.data.manifest import Row
from telltale.models.output import Output, Want
from telltale.train import objectives
from telltale.train.losses import NonFiniteLoss

SIZE = 64


def settings(name: str, **sections: dict) -> config.Config:
    return config.parse(
        {"model": {"name": name}, "clip": {"frames": 2, "image_size": SIZE}, **sections}, "test"
    )


def batch(targets: list[int], views: int = 1, frames: int = 2) -> Batch:
    torch.manual_seed(4)
    count = len(targets)
    there = torch.ones(count, views, dtype=torch.bool)
    pictures = torch.randint(0, 256, (count, views, frames, SIZE, SIZE, 3), dtype=torch.uint8)
    infos = [SampleInfo(row, f"{row}.mp4", float(target), "ok") for row, target in enumerate(targets)]
    mel, times = torch.empty(count, views, 0), torch.zeros(count, views, frames)
    return Batch(infos, pictures, mel, there, ~there, times, torch.tensor(targets).float(), there)


class Fixed(nn.Module):
    """A model whose output is given, and which keeps what it was called with."""

    def __init__(self, logit: Tensor | None = None, training: Any = None) -> None:
        """logit: (N,) of clips or (N, T) of frames, which are averaged; training: for the detector's own
        objective."""
        super().__init__()
        logit = torch.zeros(1) if logit is None else logit
        clips = output_of(logit if logit.ndim == 1 else logit.mean(1))
        self.output = clips._replace(frame_logits=logit if logit.ndim == 2 else None, training=training)
        self.called: dict[str, Any] = {}

    def forward(
        self,
        pictures: Tensor,
        mel: Tensor | None,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor | None = None,
        want: Want = (),
    ) -> Output:
        self.called = {"pictures": pictures, "want": want}
        return self.output


LOSSES = {
    "cross_entropy": functional.binary_cross_entropy_with_logits,
    "squared_error": lambda logit, target: (logit.sigmoid() - target).square().mean(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_plain_classifier_is_the_mean_of_its_clips_losses(loss: str) -> None:
    logit, target = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    model = Fixed(logit)
    found = objectives.build(settings("meso4", objective={"loss": loss, "per": "clip"}), [])(
        model, batch([1, 0, 0]), 0
    )
    assert list(found.terms) == [loss] and model.called["want"] == ()
    torch.testing.assert_close(found.total, LOSSES[loss](logit, target))
    torch.testing.assert_close(found.probability, logit.sigmoid())


@pytest.mark.parametrize("loss", LOSSES)
def test_each_frame_is_judged_by_its_clips_target(loss: str) -> None:
    frames, target = torch.tensor([[2.0, -4.0], [-1.0, 3.0], [0.5, 0.0]]), torch.tensor([1.0, 0.0, 0.0])
    model, wanted = Fixed(frames), LOSSES[loss](frames, target[:, None].expand(3, 2))
    chosen = settings("meso4", objective={"loss": loss, "per": "frame"})
    found = objectives.build(chosen, [])(model, batch([1, 0, 0]), 0)
    assert list(found.terms) == [loss]
    torch.testing.assert_close(found.total, wanted)
    torch.testing.assert_close(found.probability, model.output.logit.sigmoid())


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("per", ["frame", "clip"])
def test_a_models_losses_are_those_of_its_own_scores(per: str, pooling: str) -> None:
    chosen = settings("meso4", model={"name": "meso4", "pooling": pooling}, objective={"per": per})
    given = batch([0, 1, 1])
    torch.manual_seed(0)
    model = models.build(chosen.model, chosen.mel, chosen.clip, initialise=True, methods=1).eval()
    inputs = given.inputs(torch.device("cpu"))
    clips = model(**inputs).logit
    frames = model.detector(inputs["pictures"].flatten(0, 1)).logit.view(3, 2)
    found = objectives.build(chosen, [])(model, given, 0)
    scores = frames if per == "frame" else clips[:, None]
    wanted = functional.binary_cross_entropy_with_logits(scores, given.target[:, None].expand_as(scores))
    torch.testing.assert_close(found.total, wanted)
    # A clip's probability is pooled as it will be in prediction.
    pooled = frames.mean(1) if pooling == "mean" else frames.amax(1)
    torch.testing.assert_close(found.probability, pooled.sigmoid())
    torch.testing.assert_close(clips, pooled)
    assert not torch.isclose(frames[:, 0], frames[:, 1]).any()


@pytest.mark.parametrize("per", ["frame", "clip"])
def test_self_blended_pairs_are_genuine_and_forged_whatever_the_clips_target(per: str) -> None:
    frames = torch.tensor([[-3.0, -1.0], [3.0, 2.0], [-2.0, 1.0], [1.0, 4.0]])
    logit = frames if per == "frame" else frames.mean(1, keepdim=True)
    objective = objectives.build(settings("sbi", objective={"per": per}), [])
    found = objective(Fixed(frames if per == "frame" else frames.mean(1)), batch([0, 0], views=2), 0)
    target = torch.tensor([[0.0], [1.0], [0.0], [1.0]]).expand_as(logit)
    torch.testing.assert_close(found.total, functional.binary_cross_entropy_with_logits(logit, target))
    torch.testing.assert_close(found.probability, frames.mean(1).sigmoid().view(2, 2).mean(1))


def ucf_rows() -> list[Row]:
    kinds = [None, "swap", None, "9", None, "swap"]
    return [Row(f"{row}.mp4", Path("x"), row % 2, kind) for row, kind in enumerate(kinds)]


def test_ucf_adds_four_terms_with_the_published_weights_on_pairs_frame_by_frame() -> None:
    objective = objectives.build(settings("ucf"), ucf_rows())
    assert objective.methods == 2 and objective.unit == "pairs"
    assert objective.kinds.numbers == {"1.mp4": 2, "3.mp4": 1, "5.mp4": 2}
    torch.manual_seed(0)
    pictures = torch.rand(12, 3, 8, 8)
    answer = SimpleNamespace(
        common=torch.randn(12, 2),
        specific=torch.randn(12, 3),
        common_features=torch.randn(12, 5),
        specific_features=torch.randn(12, 5),
        pictures=pictures,
        rebuilt=(pictures + 0.5, pictures - 0.25),
    )
    model, given = Fixed(training=answer), batch([0, 1, 0, 1, 0, 1])
    found = objective(model, given, 0)
    # First the two first frames of the first pair, then their second ones: genuine and forged in turns.
    asked = model.called["pictures"][:, 0]
    ours = given.pictures[:, 0].permute(0, 1, 4, 2, 3).float() / 255
    for place, (clip, frame) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (3, 0)]):
        torch.testing.assert_close(asked[place], ours[clip, frame])
    kinds = torch.tensor([0, 2, 0, 2, 0, 1, 0, 1, 0, 2, 0, 2])
    torch.testing.assert_close(
        found.terms["common"], functional.cross_entropy(answer.common, (kinds > 0).long())
    )
    torch.testing.assert_close(
        found.terms["specific"], 0.1 * functional.cross_entropy(answer.specific, kinds)
    )
    assert found.terms["reconstruction"].item() == pytest.approx(0.3 * (2 * 0.5 + 2 * 0.25))
    assert found.terms["contrastive"].item() > 0
    frames = answer.common.softmax(1)[:, 1]
    torch.testing.assert_close(
        found.probability[:2], torch.stack([frames[[0, 2]].mean(), frames[[1, 3]].mean()])
    )


def test_ucf_without_a_method_column_has_one_kind() -> None:
    rows = [replace(row, method=None) for row in ucf_rows()]
    objective = objectives.build(settings("ucf"), rows)
    assert objective.methods == 1
    assert set(objective.kinds.numbers.values()) == {1}
    # A forged clip of another list, as `telltale plan` has them, is of the first kind, and forged all the
    # same.
    known = objectives.build(settings("ucf"), ucf_rows()[:2])
    answer = SimpleNamespace(
        common=torch.zeros(4, 2), specific=torch.zeros(4, 2), pictures=torch.zeros(4, 3, 8, 8)
    )
    answer.common_features, answer.specific_features, answer.rebuilt = (
        torch.zeros(4, 5),
        torch.zeros(4, 5),
        (answer.pictures,) * 2,
    )
    given = replace(
        batch([0, 1]), infos=[SampleInfo(0, "a.mp4", 0.0, "ok"), SampleInfo(1, "b.mp4", 1.0, "ok")]
    )
    assert known(Fixed(training=answer), given, 0).terms["common"].item() == pytest.approx(
        np.log(2), abs=1e-6
    )


def test_lav_teaches_genuine_patches_once_more_in_its_first_epochs() -> None:
    torch.manual_seed(0)
    answer = SimpleNamespace(
        classes=torch.randn(4, 2), patches=torch.randn(4, 2, 4, 4), projected=torch.randn(4, 6, 4, 4)
    )
    objective = objectives.build(settings("lav"), [])
    early = objective(Fixed(training=answer), batch([0, 1]), 1)
    assert list(early.terms) == ["classes", "patches", "genuine_patches"]
    wanted = functional.cross_entropy(answer.patches[:2], torch.zeros(2, 4, 4, dtype=torch.long))
    torch.testing.assert_close(early.terms["genuine_patches"], wanted)
    assert list(objective(Fixed(training=answer), batch([0, 1]), 2).terms) == ["classes", "patches"]


def test_a_term_that_is_not_finite_stops_by_name() -> None:
    answer = SimpleNamespace(
        classes=torch.randn(4, 2),
        patches=torch.full((4, 2, 4, 4), torch.nan),
        projected=torch.randn(4, 6, 4, 4),
    )
    found = objectives.build(settings("lav"), [])(Fixed(training=answer), batch([0, 1]), 0)
    with pytest.raises(
        NonFiniteLoss, match=r"term 'patches' is not finite \(nan\) on the batch of 0\.mp4, 1\.mp4"
    ):
        found.check(["0.mp4", "1.mp4"])


@pytest.mark.parametrize("name", ["ucf", "lav"])
def test_the_objectives_gradient_reaches_all_that_should_train_and_nothing_else(name: str) -> None:
    chosen = settings(name)
    torch.manual_seed(0)
    objective = objectives.build(chosen, ucf_rows())
    model = models.build(chosen.model, chosen.mel, chosen.clip, initialise=True, methods=objective.methods)
    objective(model, batch([0, 1, 0, 1]), 0).total.backward()
    without = {key for key, value in model.named_parameters() if value.grad is None}
    assert without == {key for key, value in model.named_parameters() if not value.requires_grad}
    assert all(key.startswith("detector.learning.") for key in without)
    assert bool(without) == (name == "lav")  # its projection only compares
