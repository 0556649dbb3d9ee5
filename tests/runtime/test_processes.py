"""What two processes must agree on: what is sent to all, the model that is judged, batch norm over all clips,
an end."""

import copy
import signal
from typing import Any

import numpy as np
import pytest
import torch
from memory_world import BANDS, COLUMNS, MemoryClips, Run, configured
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel
from two_processes import together

from telltale import config
from telltale.data.batch import SampleArrays, SampleInfo, SampleKey, Shapes
from telltale.data.loader import ClipLoader
from telltale.data.order import TrainOrder, evaluation_batches
from telltale.errors import InputError
from telltale.models import norms
from telltale.models.audiovisual import AudioVisual
from telltale.models.weights import Tower
from telltale.predict.inference import Inference
from telltale.predict.scoring import score
from telltale.predict.scoring import together as all_to_the_end
from telltale.runtime.distributed import Process
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch, Stopped

CPU = torch.device("cpu")
TARGETS = [0, 1, 1] * 5


def _refuse() -> None:
    raise InputError("no such file")


def _sent(process: Process) -> dict[str, Any]:
    """What reaches this process, and which sentences."""
    content = {
        "model": {
            "w": torch.arange(24.0).view(1, 4, 2, 3).to(memory_format=torch.channels_last),
            "n": torch.tensor(7),
        },
        "half": [torch.tensor([1.5, float("nan")], dtype=torch.bfloat16), torch.zeros(0)],
        "progress": {"epoch": 2, "history": [{"auc": 0.5}]},
    }
    said = []
    for ask in (lambda: process.on_main(_refuse), lambda: process.on_each(_refuse if process.rank else list)):
        try:
            ask()
        except InputError as error:
            said.append(str(error))
    watch = SignalWatch()
    watch.number = signal.SIGTERM if process.main else 0
    try:
        with all_to_the_end(process, watch):
            if process.main:
                raise Stopped(signal.SIGTERM)
    except Stopped as stop:
        said.append(stop.number)
    return {"got": process.on_main(lambda: content if process.main else _refuse()), "said": said}


def _judged(process: Process, optim: dict[str, Any]) -> tuple[list, list]:
    """Each epoch's scores by name as the run has them, and as one process gets them of what the main one
    would keep."""
    run, again = Run(configured(optim={"epochs": 2, **optim}), MemoryClips(TARGETS)), []
    done = run.go(process=process)
    for content in [saved for saved in run.saved if saved["progress"]["step"] == 0]:
        done.restore(copy.deepcopy(content))
        batches = ClipLoader(run.validation, 0, timeout_seconds=60).read(evaluation_batches([0] * 8, 4))
        found = score(Inference(done.evaluated, CPU, "off"), batches, SignalWatch(), bar(2, "", "", False))
        again.append({s.video_name: s.fake_probability for batch in found for s in batch})
    return [{s.video_name: s.fake_probability for s in scores} for scores, _ in run.epochs], again


class OnCpu(nn.SyncBatchNorm):
    """nn.SyncBatchNorm's arithmetic on the CPU, where torch has none: a mean over the samples of all
    processes."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        over, shape = [d for d in range(x.ndim) if d != 1], [1, -1] + [1] * (x.ndim - 2)
        wide = x.double()
        count = wide.new_tensor([x.numel() / x.shape[1]])
        total = all_reduce(torch.cat([wide.sum(over), wide.square().sum(over), count]))
        mean, square = (total[:-1] / total[-1]).view(2, -1)
        variance = square - mean.square()
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.float(), self.momentum)
            self.running_var.lerp_((variance * total[-1] / (total[-1] - 1)).float(), self.momentum)
        normal = ((wide - mean.view(shape)) / (variance.view(shape) + self.eps).sqrt()).float()
        return normal * self.weight.view(shape) + self.bias.view(shape)


class Seen(MemoryClips):
    """Clips that have pictures, of two 8 x 8 frames, and sound, but for those `mute` and those `blind`."""

    def __init__(
        self, targets: list[int], mute: tuple[int, ...], blind: tuple[int, ...], broken: tuple[int, ...]
    ) -> None:
        super().__init__(targets, broken)
        self.mute, self.blind = mute, blind

    def shapes(self) -> Shapes:
        return Shapes((1, 2, 8, 8, 3), (1, BANDS, COLUMNS))

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        info = super().fill(key, arrays)
        rng, readable = np.random.default_rng([4, key.row]), key.row not in self.broken
        arrays.has_picture[:], arrays.has_sound[:] = (
            readable and key.row not in self.blind,
            readable and key.row not in self.mute,
        )
        arrays.pictures[:] = rng.integers(0, 256, arrays.pictures.shape) * arrays.has_picture
        arrays.mel[:] *= arrays.has_sound[:, None, None]
        return info


class Pooled(nn.Sequential):
    """(R, 3, H, W) → (R, 4): a picture tower with batch norm."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )


class Mapped(nn.Sequential):
    """(R, 3, h, w) → (R, 4, h, w): a sound tower with batch norm."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3, stride=16, padding=1), nn.BatchNorm2d(4), nn.ReLU())


def _both_streams() -> nn.Module:
    settings = config.ModelSettings(name="audiovisual", width=8, dropout=0.0, modality_dropout=0.0)
    towers = [Tower(tower(), 4, (0.5,) * 3, (0.5,) * 3, {}) for tower in (Pooled, Mapped)]
    return AudioVisual(settings, *towers, (32, 32), 1.0)


def _both_streams_together() -> nn.Module:
    model = norms.synchronise(_both_streams())
    for module in model.modules():
        if type(module) is nn.SyncBatchNorm:
            module.__class__ = OnCpu
    return model


SETTINGS = configured(optim={"epochs": 1, "name": "sgd", "schedule": "constant", "rate": 0.1})


def _clips() -> Seen:
    """17 clips in batches of 4. One process finds no sound in step 0, no picture in 1, nothing to read in 2,
    no clip in 4."""
    first, second = (
        [[key.row for key in keys] for keys in TrainOrder(np.zeros(17), SETTINGS, rank, 2).batches_from(0)]
        for rank in (0, 1)
    )
    return Seen([0, 1, 1] * 5 + [0, 1], mute=tuple(second[0]), blind=tuple(first[1]), broken=tuple(second[2]))


def _synchronised(process: Process) -> dict[str, Tensor]:
    model = _both_streams_together if process.world > 1 else _both_streams
    if process.world > 1:  # in a process of this test alone
        DistributedDataParallel._passing_sync_batchnorm_handle = lambda *_: None  # which refuses the CPU
    return (
        Run(SETTINGS, _clips(), Seen([0, 1] * 4, (), (), ()), model=model)
        .go(process=process)
        .model.state_dict()
    )


def _program(process: Process) -> dict[str, Any]:
    found = {"sent": _sent(process), "synchronised": _synchronised(process)}
    return {
        **found,
        "plain": _judged(process, {}),
        "averaged": _judged(process, {"ema_decay": 0.8, "accumulate": 2}),
    }


@pytest.fixture(scope="module")
def alone() -> dict[str, Tensor]:
    return _synchronised(Process(0, 1, CPU))


@pytest.fixture(scope="module")
def both(alone: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """After `alone`: the processes then find every module imported."""
    found = together(_program, folder=tmp_path_factory.mktemp("both"))
    assert all(isinstance(each, dict) for each in found), "\n".join(map(str, found))
    return found


def test_what_the_main_process_has_reaches_all_to_the_bit_and_a_refusal_too(both: list) -> None:
    for each in both:
        got, said = each["sent"]["got"], each["sent"]["said"]
        assert got["progress"] == {"epoch": 2, "history": [{"auc": 0.5}]}
        assert torch.equal(got["model"]["w"], torch.arange(24.0).view(1, 4, 2, 3))
        assert got["model"]["w"].is_contiguous(memory_format=torch.channels_last)
        assert got["model"]["n"].item() == 7 and got["half"][1].shape == (0,)
        assert (
            got["half"][0].view(torch.int16).tolist()
            == both[0]["sent"]["got"]["half"][0].view(torch.int16).tolist()
        )
        assert said == ["no such file", "no such file", signal.SIGTERM]


@pytest.mark.parametrize("name", ["plain", "averaged"])
def test_validation_scores_are_those_of_the_model_that_is_kept(both: list, name: str) -> None:
    """The running statistics of batch norm are each process's own: rows of the second one were scored with
    them."""
    (scores, again), (others, _) = both[0][name], both[1][name]
    assert scores == others and len(scores) == len(again) == 2
    for during, kept in zip(scores, again, strict=True):
        assert during == pytest.approx(kept, abs=1e-6)


def test_synchronised_batch_norm_over_two_processes_is_that_of_one(both: list, alone: dict) -> None:
    """With batches in which a process has no sound, no picture, nothing that can be read, or no clip at
    all."""
    for each in both:
        for name, value in alone.items():
            torch.testing.assert_close(
                each["synchronised"][name], value, atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
            )
