"""Samples of the data set and their batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from telltale import config
from telltale.data.batch import EVALUATION, SampleKey, allocate, read_batch
from telltale.data.dataset import ClipDataset
from telltale.data.manifest import Row
from telltale.data.order import file_sizes
from telltale.data.views import Views


def settings(**data: object) -> config.Config:
    clip = config.ClipSettings(seconds=0.8, frames=3, image_size=32)
    return config.Config(
        model=config.ModelSettings(name="audiovisual"), clip=clip, data=config.DataSettings(**data)
    )


@pytest.fixture(scope="module")
def rows(tiny: Path) -> list[Row]:
    names = sorted(path.name for path in (tiny / "train").iterdir())[:5]
    absent = Row("gone.mp4", tiny / "train" / "gone.mp4", 1)
    return [Row(name, tiny / "train" / name, place % 2) for place, name in enumerate(names)] + [absent]


BOTH = ("picture", "sound")


def test_a_clip_has_the_stated_shapes_and_types(rows: list[Row]) -> None:
    batch = read_batch(ClipDataset(rows, settings(), BOTH), [SampleKey(0, EVALUATION)])
    assert (batch.pictures.shape, batch.pictures.dtype) == ((1, 1, 3, 32, 32, 3), torch.uint8)
    assert (batch.mel.shape, batch.mel.dtype) == ((1, 1, 128, 51), torch.float32)
    assert batch.has_picture.tolist() == batch.has_sound.tolist() == [[True]]
    (info,) = batch.infos
    assert (info.status, info.target) == ("ok", 0.0)
    assert info.seconds is not None
    assert info.seconds > 0.5
    assert info.cost.bytes == file_sizes(rows)[0]
    assert min(info.cost.picture_seconds, info.cost.prepare_seconds, info.cost.mel_seconds) > 0


def test_evaluation_is_fixed_and_training_changes_with_the_epoch_alone(rows: list[Row]) -> None:
    data = ClipDataset(rows, settings(), BOTH)
    fixed, again = read_batch(data, [SampleKey(1, EVALUATION)]), read_batch(data, [SampleKey(1, EVALUATION)])
    assert torch.equal(fixed.pictures, again.pictures)
    assert torch.equal(fixed.mel, again.mel)
    one, same, other = (read_batch(data, [SampleKey(1, epoch)]) for epoch in (4, 4, 5))
    assert torch.equal(one.pictures, same.pictures)
    assert torch.equal(one.mel, same.mel)
    assert not torch.equal(one.mel, other.mel)


def test_training_chooses_among_the_spans_that_it_is_given(rows: list[Row]) -> None:
    still = config.AugmentSettings(
        **{name: 0 for name in config.AugmentSettings.model_fields if name.endswith("_p")}
    )
    chosen = settings(spans=3).model_copy(update={"augment": still})
    fixed = read_batch(ClipDataset(rows, chosen, BOTH, Views(3)), [SampleKey(0, EVALUATION)]).mel[0]
    drawn = {
        next(
            place
            for place in range(3)
            if torch.equal(read_batch(trained, [SampleKey(0, epoch)]).mel[0, 0], fixed[place])
        )
        for trained in [ClipDataset(rows, chosen, BOTH)]
        for epoch in range(20)
    }
    assert drawn == {0, 1, 2}


def test_a_missing_clip_is_a_status_and_no_usable_view(rows: list[Row]) -> None:
    batch = read_batch(ClipDataset(rows, settings(), BOTH), [SampleKey(row, EVALUATION) for row in (5, 0)])
    assert [info.status for info in batch.infos] == ["missing", "ok"]
    assert batch.usable.tolist() == [[False], [True]]
    inputs = batch.inputs(torch.device("cpu"))
    assert inputs["pictures"].shape == (1, 3, 3, 32, 32)
    assert inputs["pictures"].dtype == torch.float32
    assert 0 <= inputs["pictures"].min() < inputs["pictures"].max() <= 1
    assert torch.equal(inputs["mel"][0], batch.mel[1, 0])
    assert torch.equal(inputs["pictures"][0], batch.pictures[1, 0].permute(0, 3, 1, 2) / 255)


def test_a_clip_is_read_over_whatever_was_there(rows: list[Row], hostile: Path) -> None:
    """Whole, soundless, missing: the same arrays, whether they held zeros or another clip before."""
    silent = Row("noaudio.mp4", hostile / "noaudio.mp4", 1)
    data = ClipDataset([*rows, silent], settings(), BOTH, Views(2))
    used = allocate(data.shapes(), 1).of(0)
    for row in (0, 6, 1, 5, 6):
        info, clean = (
            data.fill(SampleKey(row, EVALUATION), used),
            read_batch(data, [SampleKey(row, EVALUATION)]),
        )
        assert info.status == clean.infos[0].status == {5: "missing", 6: "no_sound"}.get(row, "ok")
        for name in ("pictures", "mel", "has_picture", "has_sound"):
            assert np.array_equal(getattr(used, name), getattr(clean, name)[0].numpy()), name


def test_views_are_spans(rows: list[Row]) -> None:
    batch = read_batch(ClipDataset(rows, settings(), BOTH, Views(2)), [SampleKey(0, EVALUATION)])
    assert len(batch.pictures[0]) == len(batch.mel[0]) == 2
    assert not torch.equal(batch.pictures[0, 0], batch.pictures[0, 1])
    assert not torch.equal(batch.mel[0, 0], batch.mel[0, 1])


def test_training_draws_among_the_spans_that_a_store_can_hold(rows: list[Row]) -> None:
    plain = config.AugmentSettings(
        **{name: 0.0 for name in config.AugmentSettings.model_fields if name.endswith("_p")}
    )
    few = ClipDataset(rows, settings(spans=3).model_copy(update={"augment": plain}), BOTH)
    whole = read_batch(ClipDataset(rows, few.settings, BOTH, Views(3)), [SampleKey(0, EVALUATION)])
    drawn = [read_batch(few, [SampleKey(0, epoch)]).pictures[0, 0] for epoch in range(12)]
    places = [
        next(place for place in range(3) if torch.equal(pictures, whole.pictures[0, place]))
        for pictures in drawn
    ]
    assert set(places) == {0, 1, 2}


def test_what_the_model_does_not_read_is_not_decoded(rows: list[Row]) -> None:
    batch = read_batch(ClipDataset(rows, settings(), ("sound",)), [SampleKey(0, EVALUATION)])
    assert batch.inputs(torch.device("cpu"))["pictures"] is None
    assert batch.has_picture.tolist() == [[False]]
    assert batch.usable.tolist() == [[True]]
    assert batch.infos[0].cost.picture_seconds == 0
