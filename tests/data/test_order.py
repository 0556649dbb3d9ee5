"""The order of batches: every row once, whatever the number of processes, workers or restarts."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from memory_world import configured

from telltale.data.batch import EVALUATION
from telltale.data.manifest import Row
from telltale.data.order import TrainOrder, evaluation_batches, file_sizes, shuffled, shuffled_pairs


def test_an_epoch_holds_every_row_once_and_another_epoch_another_order() -> None:
    targets = np.array([0] * 7 + [1] * 30)
    first, again, next_one = (shuffled(targets, 5, epoch, False) for epoch in (0, 0, 1))
    assert sorted(first) == list(range(37))
    assert first.tolist() == again.tolist() != next_one.tolist()


def test_a_balanced_epoch_has_half_of_each_class_and_repeats_as_little_as_possible() -> None:
    targets = np.array([0] * 7 + [1] * 30)
    rows = shuffled(targets, 5, 0, True)
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
        order = TrainOrder(targets, configured(data={"batch_size": 6}), rank, world)
        for step, keys in enumerate(order.batches_from(3)):
            assert keys
            assert all(key.epoch == 3 for key in keys)
            seen += [key.row for key in keys] if order.is_own(step) else []
        assert len(order) == len(order.batches_from(3)) == 7
    assert sorted(seen) == list(range(37))


def test_a_run_cut_at_a_step_goes_on_with_the_same_batches() -> None:
    for unit in ("clips", "pairs", "genuine"):
        order = TrainOrder(np.array([0, 1] * 20), configured(data={"batch_size": 6}), 0, 1, unit)
        assert order.batches_from(2)[1:] == order.batches_from(2, 1) != order.batches_from(3, 1)
        assert order.batches_from(2, len(order)) == []


@pytest.mark.parametrize("world", [1, 2, 4])
def test_evaluation_never_pads(world: int) -> None:
    rows = [
        key.row
        for rank in range(world)
        for batch in evaluation_batches([0] * 37, 5, rank, world)
        for key in batch
    ]
    assert sorted(rows) == list(range(37))


def test_evaluation_begins_with_the_largest_files_and_keeps_ties_in_order() -> None:
    sizes = [5, 9, 0, 9, 7]
    assert evaluation_batches(sizes, 2) == [
        [(1, EVALUATION), (3, EVALUATION)],
        [(4, EVALUATION), (0, EVALUATION)],
        [(2, -1)],
    ]
    assert evaluation_batches(sizes, 2, 1, 2) == [[(3, EVALUATION), (0, EVALUATION)]]


def test_the_size_of_a_file_that_is_not_there_is_zero(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"123")
    assert file_sizes([Row(name, tmp_path / name, None) for name in ("a.mp4", "b.mp4")]) == [3, 0]


def test_pairs_hold_every_forged_row_once_after_a_genuine_one() -> None:
    targets = np.array([0, 1, 1, 0, 1, 1, 1])
    drawn = shuffled_pairs(targets, 3, 5)
    assert sorted(drawn[:, 1]) == [1, 2, 4, 5, 6]
    assert set(drawn[:, 0]) <= {0, 3}
    assert np.array_equal(drawn, shuffled_pairs(targets, 3, 5))
    assert not np.array_equal(drawn, shuffled_pairs(targets, 3, 6))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_no_pair_is_torn_between_processes_or_batches(world: int) -> None:
    targets = np.array([0, 1, 1, 0, 1, 1, 1] * 3)
    ranks = [
        TrainOrder(targets, configured(data={"batch_size": 6}), rank, world, "pairs") for rank in range(world)
    ]
    assert {order.clips for order in ranks} == {30}
    seen: list[int] = []
    for step, share in enumerate(zip(*(order.batches_from(0) for order in ranks), strict=True)):
        real = [keys for rank, keys in enumerate(share) if ranks[rank].is_own(step)]
        assert sum(map(len, real)) == ranks[0].global_size(step)
        for keys in share:
            rows = [key.row for key in keys]
            assert len(rows) % 2 == 0 and all(targets[rows[::2]] == 0) and all(targets[rows[1::2]] == 1)
        seen += [key.row for keys in real for key in keys[1::2]]
    assert sorted(seen) == np.flatnonzero(targets == 1).tolist()
    usable = torch.tensor([True, True, False, True])
    assert ranks[0].complete(usable).tolist() == [True, True, False, False]


def test_an_epoch_of_genuine_clips_has_each_once() -> None:
    targets = np.array([0, 1, 1, 0, 1, 1, 0, 1])
    order = TrainOrder(targets, configured(data={"batch_size": 2}), 0, 1, "genuine")
    assert len(order) == 2 and order.clips == 3
    orders = []
    for epoch in (0, 1, 2, 3):
        orders.append([key.row for keys in order.batches_from(epoch) for key in keys])
        assert sorted(orders[-1]) == [0, 3, 6]
    assert len(set(map(tuple, orders))) > 1


@pytest.mark.parametrize("unit", ["clips", "pairs", "genuine", "twins"])
def test_repeats_are_as_many_epochs_one_after_another(unit: str) -> None:
    """Batches of 6 run on from one pass into the next; several ranks share them like any."""
    targets = np.array([0, 1, 1, 0, 1] * 4)
    once, thrice = (configured(data={"batch_size": 6, "repeats": count}) for count in (1, 3))
    plain, repeated = TrainOrder(targets, once, 0, 1, unit), TrainOrder(targets, thrice, 0, 1, unit)
    passes = [key for epoch in (6, 7, 8) for batch in plain.batches_from(epoch) for key in batch]
    assert [key for batch in repeated.batches_from(2) for key in batch] == passes
    assert repeated.clips == len(passes) == 3 * plain.clips
    assert sum(repeated.global_size(step) for step in range(len(repeated))) == len(passes)
    assert [len(batch) for batch in repeated.batches_from(2)][:-1] == [6] * (len(repeated) - 1)
    assert repeated.batches_from(2, 3) == repeated.batches_from(2)[3:]
    shared = [TrainOrder(targets, thrice, rank, 2, unit) for rank in (0, 1)]
    both = [
        key
        for order in shared
        for step, batch in enumerate(order.batches_from(2))
        for key in batch
        if order.is_own(step)
    ]
    assert sorted(both) == sorted(passes)


def test_a_balanced_epoch_of_twins_has_half_of_each_class() -> None:
    """Each row is a unit of its own, whether a genuine clip beside its twin or a labelled forgery alone."""
    targets = np.array([0] * 7 + [1] * 30)
    order = TrainOrder(targets, configured(data={"batch_size": 6, "balance": True}), 0, 1, "twins")
    rows = [key.row for batch in order.batches_from(0) for key in batch]
    assert len(rows) == order.clips == 37 and Counter(targets[rows].tolist()) == {0: 18, 1: 19}
    assert order.complete(torch.tensor([True, False, True])).tolist() == [True, False, True]
