"""Order, batches and collation: every row once, whatever the number of processes, workers or restarts."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from telltale import config
from telltale.data import EVALUATION, ClipDataset, Key, TrainBatches, collate, evaluation_batches, loader, order
from telltale.manifest import Row


def settings(**data: object) -> config.Config:
    clip = config.Clip(seconds=0.8, frames=3, image_size=32)
    return config.Config(model=config.Model(name="audiovisual"), clip=clip, data=config.Data(**data))


def test_an_epoch_holds_every_row_once_and_another_epoch_another_order() -> None:
    targets = np.array([0] * 7 + [1] * 30)
    first, again, next_one = order(targets, 5, 0, False), order(targets, 5, 0, False), order(targets, 5, 1, False)
    assert sorted(first) == list(range(37))
    assert first.tolist() == again.tolist() != next_one.tolist()


def test_a_balanced_epoch_has_half_of_each_class_and_repeats_as_little_as_possible() -> None:
    targets = np.array([0] * 7 + [1] * 30)
    rows = order(targets, 5, 0, True)
    assert len(rows) == 37
    assert Counter(targets[rows].tolist()) == {0: 18, 1: 19}
    repeats = Counter(rows.tolist())
    assert {repeats[row] for row in range(7)} <= {2, 3}
    assert max(repeats[row] for row in range(7, 37)) == 1


@pytest.mark.parametrize("world", [1, 2, 4])
def test_ranks_share_each_global_batch_and_every_row_counts_once(world: int) -> None:
    targets = np.zeros(37)
    seen: list[int] = []
    for rank in range(world):
        batches = TrainBatches(targets, settings(batch_size=6), rank, world)
        batches.epoch = 3
        for step, keys in enumerate(batches):
            assert keys
            assert all(key.epoch == 3 for key in keys)
            seen += [key.row for key in keys] if batches.counts(step) else []
        assert len(batches) == 7
    assert sorted(seen) == list(range(37))


def test_a_run_cut_at_a_step_goes_on_with_the_same_batches() -> None:
    whole, rest = (
        TrainBatches(np.zeros(20), settings(batch_size=3), 0, 1),
        TrainBatches(np.zeros(20), settings(batch_size=3), 0, 1),
    )
    rest.start = 4
    assert list(whole)[4:] == list(rest)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_evaluation_never_pads(world: int) -> None:
    rows = [key.row for rank in range(world) for batch in evaluation_batches(37, 5, rank, world) for key in batch]
    assert sorted(rows) == list(range(37))


@pytest.fixture(scope="module")
def rows(tiny: Path) -> list[Row]:
    names = sorted(path.name for path in (tiny / "train").iterdir())[:5]
    absent = Row("gone.mp4", tiny / "train" / "gone.mp4", 1)
    return [Row(name, tiny / "train" / name, place % 2) for place, name in enumerate(names)] + [absent]


def test_a_sample_has_the_stated_shapes_and_types(rows: list[Row]) -> None:
    sample = ClipDataset(rows, settings(), ("picture", "sound"))[Key(0, EVALUATION)]
    assert (sample.pictures.shape, sample.pictures.dtype) == ((1, 3, 32, 32, 3), np.uint8)
    assert (sample.mel.shape, sample.mel.dtype) == ((1, 128, 51), np.float32)
    assert sample.has_picture.tolist() == sample.has_sound.tolist() == [True]
    assert (sample.status, sample.target) == ("ok", 0.0)
    assert sample.seconds is not None
    assert sample.seconds > 0.5


def test_evaluation_is_fixed_and_training_changes_with_the_epoch_alone(rows: list[Row]) -> None:
    data = ClipDataset(rows, settings(), ("picture", "sound"))
    fixed, again = data[Key(1, EVALUATION)], data[Key(1, EVALUATION)]
    assert np.array_equal(fixed.pictures, again.pictures)
    assert np.array_equal(fixed.mel, again.mel)
    one, same, other = data[Key(1, 4)], data[Key(1, 4)], data[Key(1, 5)]
    assert np.array_equal(one.pictures, same.pictures)
    assert np.array_equal(one.mel, same.mel)
    assert not np.array_equal(one.mel, other.mel)


def test_any_number_of_workers_gives_the_same_tensors(rows: list[Row]) -> None:
    def epoch(workers: int) -> list[torch.Tensor]:
        batches = TrainBatches(np.array([row.target for row in rows]), settings(batch_size=2), 0, 1)
        batches.epoch = 2
        feed = loader(ClipDataset(rows, settings(), ("picture", "sound")), batches, workers, pin=False)
        return [tensor for batch in feed for tensor in (batch.pictures, batch.mel, batch.target, batch.usable)]

    alone = epoch(0)
    for workers in (1, 3):
        assert all(torch.equal(a, b) for a, b in zip(alone, epoch(workers), strict=True))


def test_a_missing_clip_is_a_status_and_no_usable_view(rows: list[Row]) -> None:
    data = ClipDataset(rows, settings(), ("picture", "sound"))
    batch = collate([data[Key(row, EVALUATION)] for row in (5, 0)])
    assert [sample.status for sample in batch.samples] == ["missing", "ok"]
    assert batch.usable.tolist() == [[False], [True]]
    inputs = batch.inputs(torch.device("cpu"))
    assert inputs["pictures"].shape == (1, 3, 3, 32, 32)
    assert inputs["pictures"].dtype == torch.float32
    assert 0 <= inputs["pictures"].min() < inputs["pictures"].max() <= 1
    assert torch.equal(inputs["mel"][0], batch.mel[1, 0])


def test_views_are_spans_and_their_mirror_images(rows: list[Row]) -> None:
    sample = ClipDataset(rows, settings(), ("picture", "sound"), spans=2, flip=True)[Key(0, EVALUATION)]
    assert sample.pictures.shape[0] == 4
    assert np.array_equal(sample.pictures[2], sample.pictures[0][:, :, ::-1])
    assert np.array_equal(sample.mel[2:], sample.mel[:2])
    assert not np.array_equal(sample.mel[0], sample.mel[1])


def test_what_the_model_does_not_read_is_not_decoded(rows: list[Row]) -> None:
    batch = collate([ClipDataset(rows, settings(), ("sound",))[Key(0, EVALUATION)]])
    assert batch.inputs(torch.device("cpu"))["pictures"] is None
    assert batch.has_picture.tolist() == [[False]]
    assert batch.usable.tolist() == [[True]]
