"""The loader in a small world: order, equal tensors, clean slots, bounded reading ahead, and processes that
end."""

import os
import signal
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from loader_world import NAMES, Numbered, children, loader_of, read, soon, tidy, unharmed

from telltale import config
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader, _ahead, on_device
from telltale.data.manifest import Row
from telltale.data.order import TrainOrder

__all__ = ["tidy"]
pytestmark = pytest.mark.usefixtures("tidy")


def test_real_clips_come_out_the_same_with_any_number_of_workers(tiny: Path) -> None:
    settings = config.Config(
        model=config.ModelSettings(name="audiovisual"),
        clip=config.ClipSettings(seconds=0.8, frames=3, image_size=32),
        data=config.DataSettings(batch_size=3),
    )
    rows = [
        Row(path.name, path, place % 2) for place, path in enumerate(sorted((tiny / "train").iterdir())[:7])
    ]
    rows.append(Row("gone.mp4", tiny / "gone.mp4", 1))

    def epochs(workers: int) -> list:
        order = TrainOrder(np.array([row.target for row in rows]), settings, 0, 1)
        loader = ClipLoader(ClipDataset(rows, settings, ("picture", "sound")), workers, timeout_seconds=60)
        found = [read(loader.read(order.batches_from(epoch))) for epoch in (0, 3)]
        loader.close()
        return found

    alone = epochs(0)
    assert not torch.equal(alone[0][1]["mel"], alone[1][1]["mel"])
    for workers in (1, 3):
        for (infos, tensors), (other_infos, others) in zip(alone, epochs(workers), strict=True):
            assert [(f.video_name, f.status) for f in infos] == [
                (f.video_name, f.status) for f in other_infos
            ]
            assert all(torch.equal(tensors[name], others[name]) for name in NAMES)


def test_batches_keep_their_order_however_long_their_clips_take() -> None:
    data = Numbered(30, {row: lambda: time.sleep(0.2) for row in (0, 9, 10)})
    loader = loader_of(data, 3)
    unharmed(data, *read(loader), {})
    loader.close()


def test_the_largest_file_of_a_batch_is_read_first(tmp_path: Path) -> None:
    data = Numbered(6, done=tmp_path / "done")
    data.rows = [Row(row.video_name, tmp_path / row.video_name, row.target) for row in data.rows]
    for row, size in zip(data.rows, (3, 9, 1, 4, 4, 2), strict=True):
        row.path.write_bytes(b"x" * size)
    loader = loader_of(data, 1, size=3)
    infos, _ = read(loader)
    loader.close()
    assert [info.row for info in infos] == list(range(6))
    assert (tmp_path / "done").read_text().split() == ["1", "0", "2", "3", "4", "5"]


def test_slots_show_nothing_of_the_clips_before() -> None:
    """Six good batches, then one whose clips are lost after they were written half."""
    data = Numbered(28, {row: lambda: os.kill(os.getpid(), signal.SIGKILL) for row in (24, 26)})
    loader = loader_of(data, 2)
    unharmed(data, *read(loader), {24: "crashed", 26: "crashed"})
    loader.close()


def divide_in(loader: ClipLoader) -> None:
    for _ in loader:
        _ = 1 / 0


def test_an_iteration_that_is_left_early_ends_its_processes_and_the_next_begins_anew() -> None:
    data = Numbered(20)
    loader = loader_of(data, 2)
    for _ in loader:
        assert children(os.getpid())
        break
    assert children(os.getpid()) == []
    with pytest.raises(ZeroDivisionError):
        divide_in(loader)
    unharmed(data, *read(loader), {})
    loader.close()
    assert children(os.getpid()) == []


def test_a_loader_that_is_forgotten_ends_its_processes() -> None:
    read(loader_of(Numbered(8), 2))
    assert children(os.getpid()) == []


def test_workers_stay_from_epoch_to_epoch() -> None:
    loader = loader_of(Numbered(12), 2)
    first = read(loader)
    before = children(os.getpid())
    second = read(loader)
    assert len(before) == 3  # the supervisor and two workers
    assert children(os.getpid()) == before
    assert first[0] == second[0]
    loader.close()


def test_an_epoch_resumed_at_its_last_smaller_batch_is_followed_by_a_whole_one() -> None:
    """67 clips in batches of 32: what is left of the first epoch is one batch of 3."""
    settings = config.Config(
        model=config.ModelSettings(name="mel_cnn"), data=config.DataSettings(batch_size=32)
    )
    for workers in (0, 2):
        data = Numbered(67)
        order = TrainOrder(np.zeros(67), settings, 0, 1)
        loader = ClipLoader(data, workers, timeout_seconds=60)
        assert len(read(loader.read(order.batches_from(0, 2)))[0]) == 3
        before = children(os.getpid())
        for epoch in (1, 2):
            infos, tensors = read(loader.read(order.batches_from(epoch)))
            assert sorted(info.row for info in infos) == list(range(67))
            assert tensors["pictures"][:, 0, 0, 0, 0, 0].tolist() == [info.row + 1 for info in infos]
            assert children(os.getpid()) == before or epoch == 1 or not workers
            before = children(os.getpid())
        loader.close()


def test_two_loaders_take_turns() -> None:
    one, other = loader_of(Numbered(12), 2), loader_of(Numbered(12), 2)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.mel, b.mel)
    one.close()
    unharmed(Numbered(12), *read(other), {})
    other.close()


@pytest.mark.parametrize(("workers", "size"), [(1, 1), (2, 4), (3, 1), (4, 16)])
def test_no_more_is_read_ahead_than_the_slots_hold(workers: int, size: int, tmp_path: Path) -> None:
    loader = loader_of(Numbered(160, done=tmp_path / "done"), workers, size)
    slots = 2 + -(-2 * workers // size)
    for number, _ in enumerate(loader):
        if number in (0, 3):
            bound = size * (number + slots)
            assert soon(lambda bound=bound: len((tmp_path / "done").read_text().split()) == bound)
            time.sleep(0.3)
            assert len((tmp_path / "done").read_text().split()) == bound
        if number == 3:
            break


def test_start_reads_the_first_batches_before_they_are_asked_for(tmp_path: Path) -> None:
    data = Numbered(40, done=tmp_path / "done")
    loader = loader_of(data, 2)
    loader.start()
    assert soon(lambda: (tmp_path / "done").exists() and len((tmp_path / "done").read_text().split()) == 12)
    unharmed(data, *read(loader), {})
    assert len((tmp_path / "done").read_text().split()) == 40
    loader.close()


def test_workers_go_on_while_a_batch_is_worked_on(tmp_path: Path) -> None:
    """More clips than workers hold are read while nobody asks: a supervisor hands them out, not the one who
    iterates."""
    loader = loader_of(Numbered(40, done=tmp_path / "done"), 2, size=8)
    next(iter_ := iter(loader))
    assert soon(lambda: len((tmp_path / "done").read_text().split()) == 24)
    iter_.close()


def test_without_batches_there_is_nothing_to_do() -> None:
    loader = ClipLoader(Numbered(3), 2, timeout_seconds=60)
    assert list(on_device(loader.read([]), torch.device("cpu"))) == []
    assert children(os.getpid()) == []


class NoStream:
    """Stands for a CUDA stream and its events where there is no GPU: everything has happened when it is
    asked."""

    def __init__(self, *_: object) -> None:
        pass

    def record_event(self) -> "NoStream":
        return self

    def wait_event(self, _: object) -> None:
        pass


def test_a_batch_stays_whole_while_the_next_one_crosses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of taking, crossing and handing over is tested here; the streams themselves only where there
    is a GPU."""
    monkeypatch.setattr(torch.cuda, "Stream", NoStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", NoStream)
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    data = Numbered(22, {9: lambda: os.kill(os.getpid(), signal.SIGKILL)})
    loader = loader_of(data, 2)
    unharmed(data, *read(_ahead(loader, torch.device("cpu"))), {9: "crashed"})
    loader.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_batches_on_a_gpu_are_those_of_the_host() -> None:
    data, gpu = Numbered(40), torch.device("cuda")
    loader = loader_of(data, 2)
    whole = read(loader_of(data, 0))[1]["pictures"]
    seen = [batch.inputs(gpu)["pictures"] for batch in on_device(loader, gpu)]
    expected = whole[:, 0].permute(0, 1, 4, 2, 3).to(gpu).float().div_(255)
    assert torch.equal(torch.cat(seen), expected)
    loader.close()
