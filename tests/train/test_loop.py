"""The training loop on clips in memory: what it learns, how a stopped run continues, and clips that cannot be
read."""

import inspect
import os
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from loader_world import children, soon
from memory_world import MemoryClips, Run, SmallModel, configured, same_weights
from two_processes import together

from telltale.data.batch import read_batch
from telltale.data.loader import ClipLoader
from telltale.data.order import TrainOrder, evaluation_batches
from telltale.errors import InputError
from telltale.predict.inference import Inference
from telltale.predict.scoring import score
from telltale.runtime import distributed
from telltale.runtime.distributed import Process
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch
from telltale.train.loop import Epoch, Step, fit, train_epoch
from telltale.train.losses import NonFiniteLoss, cross_entropy

TARGETS = [0, 1, 1] * 8 + [1]  # 25 clips: the last batch of 4 holds one


def test_it_learns_and_keeps_the_best_epoch() -> None:
    run = Run(configured(optim={"epochs": 8}), MemoryClips(TARGETS), plain=True)
    done = run.go()
    history = done.progress.history
    assert [row["epoch"] for row in history] == list(range(1, 9))
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert done.progress.best_auc == max(row["validation_auc"] for row in history) > 0.9
    ranks = [(row["validation_auc"], row["validation_tpr_at_fpr_1e-3"]) for row in history]
    assert done.progress.best_epoch == ranks.index(max(ranks))
    assert [is_best for _, is_best in run.epochs] == [
        rank > max([(-1, -1), *ranks[:at]]) for at, rank in enumerate(ranks)
    ]
    assert 0.5 < done.progress.best_mean < 0.9  # two thirds of the clips are forged


@pytest.mark.parametrize(
    "optim", [{}, {"accumulate": 3, "ema_decay": 0.9, "clip_norm": 0.5}, {"name": "sgd", "warmup_steps": 5}]
)
@pytest.mark.parametrize("stop_at", [0, 6, 11, 20])
def test_a_run_cut_at_any_step_and_resumed_is_bit_equal(optim: dict, stop_at: int) -> None:
    settings = configured(optim=optim)
    whole = Run(settings, MemoryClips(TARGETS))
    expected = whole.go()
    cut = Run(settings, MemoryClips(TARGETS))
    cut.go(stop_at=stop_at)
    assert cut.stopped
    rest = Run(settings, MemoryClips(TARGETS))
    resumed = rest.go(resumed=cut.saved[-1])
    assert same_weights(resumed.model, expected.model)
    assert same_weights(resumed.evaluated, expected.evaluated)
    assert whole.losses == cut.losses + rest.losses
    timing = {"clips_per_second", "seconds"}
    for a, b in zip(resumed.progress.history, expected.progress.history, strict=True):
        assert {k: v for k, v in a.items() if k not in timing} == {
            k: v for k, v in b.items() if k not in timing
        }
    assert resumed.progress.best_mean == expected.progress.best_mean


def test_a_run_killed_between_saves_goes_on_from_the_last_one() -> None:
    settings = configured(optim={"save_every": 4})
    expected = Run(settings, MemoryClips(TARGETS))
    final = expected.go()
    for content in expected.saved:  # a kill leaves any of these as last.pt
        assert same_weights(Run(settings, MemoryClips(TARGETS)).go(resumed=content).model, final.model)


def test_with_several_batches_to_an_update_it_is_saved_at_the_first_update_from_each_multiple_on() -> None:
    """25 clips, 7 batches an epoch, updates after batches 3, 6 and 7; multiples of 4 are 4 and 8."""
    run = Run(configured(optim={"accumulate": 3, "save_every": 4, "epochs": 1}), MemoryClips(TARGETS))
    run.go()
    assert [(content["progress"]["epoch"], content["progress"]["step"]) for content in run.saved] == [
        (0, 6),
        (0, 7),
        (1, 0),
    ]


def test_the_caller_sees_all_and_is_called_by_nobody() -> None:
    """An event for each step and each epoch, in their order; `fit` and `train_epoch` take no callbacks."""
    run = Run(configured(optim={"epochs": 2, "save_every": 5}), MemoryClips(TARGETS))
    events = list(run.events(Process(0, 1, torch.device("cpu"))))
    assert [isinstance(event, Epoch) for event in events] == ([False] * 7 + [True]) * 2
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.epoch, step.number) for step in steps] == [(at // 7, at) for at in range(14)]
    assert [step.number for step in steps if step.save] == [4, 6, 11, 13]
    assert [list(step.terms) for step in steps] == [["cross_entropy"]] * 14
    with pytest.raises(FrozenInstanceError):
        steps[0].rate = 1.0
    for function in (fit, train_epoch):
        taken = inspect.signature(function).parameters
        assert len(taken) <= 6 and not any("Callable" in str(each.annotation) for each in taken.values())


def test_an_iteration_that_is_left_in_the_middle_ends_its_workers() -> None:
    run = Run(configured(), MemoryClips(TARGETS), workers=2)
    events = run.events(Process(0, 1, torch.device("cpu")))
    assert isinstance(next(events), Step) and children(os.getpid())
    events.close()
    assert soon(lambda: not children(os.getpid()))


def test_unreadable_clips_weigh_nothing_and_are_counted() -> None:
    settings = configured(optim={"epochs": 1}, data={"batch_size": 6})
    broken = Run(settings, MemoryClips([0, 1, 1, 0, 1, 1], broken=(1, 4)), plain=True)
    done = broken.go()
    assert done.progress.history[0]["train_unreadable"] == 2
    expected = Run(settings, MemoryClips([0, 1, 1, 0, 1, 1]), plain=True)
    # By hand: one step of AdamW on the four readable clips.
    distributed.seed(settings.seed)
    model = SmallModel(plain=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.01)
    readable = read_batch(expected.train, [key for key in _epoch_keys(settings, 6) if key.row not in (1, 4)])
    cross_entropy(model(None, readable.mel[:, 0], None, None).logit, readable.target).mean().backward()
    optimiser.step()
    for a, b in zip(done.model.parameters(), model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def _epoch_keys(settings, count: int) -> list:
    (keys,) = TrainOrder(np.zeros(count), settings, 0, 1).batches_from(0)
    return keys


def test_a_batch_with_nothing_to_read_changes_no_weight() -> None:
    settings = configured(optim={"epochs": 1, "weight_decay": 0.0})
    run = Run(settings, MemoryClips([0, 1], broken=(0, 1)), plain=True)
    distributed.seed(settings.seed)
    before = SmallModel(plain=True)
    done = run.go()
    assert same_weights(done.model, before)
    assert done.progress.history[0]["train_unreadable"] == 2


def test_accumulated_small_batches_equal_one_large_batch() -> None:
    targets = [0, 1] * 6
    small = configured(data={"batch_size": 3}, optim={"accumulate": 2, "name": "sgd", "schedule": "constant"})
    large = configured(data={"batch_size": 6}, optim={"name": "sgd", "schedule": "constant"})
    one, other = (
        Run(small, MemoryClips(targets), plain=True).go(),
        Run(large, MemoryClips(targets), plain=True).go(),
    )
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_with_the_clips_names() -> None:
    with pytest.raises(NonFiniteLoss, match=r"2\.mp4"):
        Run(configured(), MemoryClips([0, 1, 1, 0], poison=(2,))).go()


def test_patience_ends_a_run_that_gets_no_better() -> None:
    run = Run(configured(optim={"epochs": 50, "patience": 2, "rate": 1e-9}), MemoryClips(TARGETS))
    done = run.go()
    assert len(done.progress.history) == done.progress.best_epoch + 1 + 2
    assert len(run.go(resumed=run.saved[-1]).progress.history) == len(done.progress.history)


def test_validation_of_one_class_is_refused_in_words() -> None:
    run = Run(configured(), MemoryClips(TARGETS), MemoryClips([0, 1, 1], broken=(0,)))
    with pytest.raises(InputError, match="2 of 3 clips"):
        run.go()


def test_bf16_autocast_trains() -> None:
    done = Run(configured(optim={"autocast": "bf16", "epochs": 5}), MemoryClips(TARGETS)).go()
    assert done.progress.best_auc > 0.8


def test_a_score_is_a_probability_or_a_status() -> None:
    clips = MemoryClips([0, 1, 1, 0, 1], broken=(3,), poison=(4,))
    batches = ClipLoader(clips, 0, timeout_seconds=60).read(evaluation_batches([0] * 5, 2))
    cpu = torch.device("cpu")
    scores = [
        s
        for part in score(Inference(SmallModel(), cpu, "off"), batches, SignalWatch(), bar(3, "", "", False))
        for s in part
    ]
    assert [s.video_name for s in scores] == [f"{row}.mp4" for row in range(5)]
    assert [s.status for s in scores] == ["ok", "ok", "ok", "damaged", "not_finite"]
    assert [s.fake_probability is None for s in scores] == [False, False, False, True, True]


def _process(process: distributed.Process) -> tuple:
    run = Run(configured(optim={"accumulate": 2}), MemoryClips(TARGETS, broken=(3,)), plain=True)
    done = run.go(process=process)
    return done.model.state_dict(), run.losses, sorted(s.video_name for s in run.epochs[-1][0])


def test_two_processes_take_the_steps_of_one(tmp_path) -> None:
    alone = Run(configured(optim={"accumulate": 2}), MemoryClips(TARGETS, broken=(3,)), plain=True)
    expected = alone.go()
    for weights, losses, names in together(_process, folder=tmp_path):
        assert losses == pytest.approx(alone.losses, abs=1e-6)
        assert names == sorted(f"{row}.mp4" for row in range(8))
        for name, value in expected.model.state_dict().items():
            assert torch.allclose(weights[name], value, atol=1e-6), name
