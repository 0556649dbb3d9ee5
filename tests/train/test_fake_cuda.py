"""Every shipped configuration on fake CUDA tensors: a step of training, prediction and maps, in float32 and
in bf16.

What these tests find is a tensor of the host that meets one of the device. What a GPU computes they cannot
say.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import CUDA, fake_cuda
from loader_world import Numbered, loader_of, read
from torch import Tensor

from telltale import config, models
from telltale.config import detectors
from telltale.config.detectors import DETECTORS
from telltale.data.batch import Batch, SampleInfo, SampleKey, blank
from telltale.data.dataset import ClipDataset
from telltale.data.loader import on_device
from telltale.data.order import TrainOrder
from telltale.data.views import Views
from telltale.predict.inference import Inference
from telltale.predict.maps import Maps
from telltale.runtime.distributed import Process
from telltale.runtime.signals import SignalWatch
from telltale.train import objectives
from telltale.train.context import RunContext
from telltale.train.loaders import TrainClips
from telltale.train.loop import train_epoch, update
from telltale.train.state import initial_state

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
# Small networks instead of those that differ from them in size alone: a fake layer costs as much time as a
# real small one.
SMALL = {
    "mel_cnn": ["model.sound_backbone=test_resnet"],
    "frame_cnn": ["model.picture_backbone=test_efficientnet"],
    "audiovisual": ["model.picture_backbone=test_resnet", "model.sound_backbone=test_resnet"],
    "flagship": [
        "model.picture_backbone=test_resnet",
        "model.flagship_layers=1",
        "model.flagship_depth=1",
        "clip.mouth_frames=4",
    ],
}
# What differs from another case in nothing that a device could notice is left to `make test-slow`: bf16 walks
# all that float32 does, and its casts, which the large ones need only once; the frame-level classifiers are
# one network here.
LARGE, ALIKE = ("f3net", "lav", "spsl", "ucf", "demo"), ("efficientnet", "resnet", "xception")


def _slow(stem: str, precision: str) -> bool:
    return stem in LARGE if precision == "off" else stem.startswith(ALIKE)


CASES = [
    pytest.param(
        file,
        precision,
        id=f"{file.stem}-{precision}",
        marks=pytest.mark.slow if _slow(file.stem, precision) else (),
    )
    for file in CONFIGS
    for precision in ("off", "bf16")
]
TARGETS = [0, 1, 0, 1]


def settings_of(file: Path) -> config.Config:
    chosen = config.read(file, ["clip.frames=2", "clip.image_size=96", f"data.batch_size={len(TARGETS)}"])
    return config.override(chosen, SMALL.get(DETECTORS[chosen.model.name].file, []))


class OneBatch:
    """A loader of one batch, whose tensors are the host's."""

    def __init__(self, settings: config.Config, unit: str) -> None:
        views = Views.of_training(unit)
        self.shapes = ClipDataset([], settings, detectors.reads(settings.model), views).shapes()

    def read(self, batches: list[list[SampleKey]]) -> Iterator[Batch]:
        yield self.batch(batches[0])

    def batch(self, keys: list[SampleKey]) -> Batch:
        infos = [SampleInfo(row, f"{row}.mp4", float(row % 2), "ok") for row in range(len(keys))]
        return blank(infos, self.shapes)


@pytest.mark.parametrize(("file", "precision"), CASES)
def test_a_step_a_prediction_and_maps_mix_no_devices(file: Path, precision: str, tmp_path: Path) -> None:
    settings = settings_of(file)
    optim = settings.optim.model_copy(update={"autocast": precision, "epochs": 1})
    settings = settings.model_copy(update={"optim": optim})
    process, heads = Process(0, 1, CUDA), []
    with fake_cuda():
        objective = objectives.build(settings, [])
        model = models.build(
            settings.model, settings.mel, settings.clip, initialise=True, methods=objective.methods
        ).to(CUDA)
        state, loader = initial_state(model, optim, CUDA.type), OneBatch(settings, objective.unit)
        trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        without: list[str] = []
        state.optimiser.register_step_pre_hook(
            lambda *_: without.extend(n for n, weight in trained if weight.grad is None)
        )
        head = model.get_submodule("detector.head" if hasattr(model, "detector") else "head")
        head.register_forward_hook(lambda _, given, answer: heads.extend([*given, answer]))
        order = TrainOrder(np.array(TARGETS * 2), settings, 0, 1, objective.unit)
        clips, context = TrainClips(loader, order), RunContext(settings, process, SignalWatch())
        steps = list(train_epoch(model, state, objective, clips, context))
        assert len(steps) == 1 and state.progress.step == 1
        assert not without, "several processes would wait for these gradients without end"
        # The head works in float32 whatever the precision of the rest, in training and in prediction.
        assert {tensor.dtype for tensor in heads} == {torch.float32}
        infer, batch = Inference(model, CUDA, precision), loader.batch([SampleKey(0, -1)] * len(TARGETS))
        assert infer(batch).shape == batch.usable.shape and {tensor.dtype for tensor in heads} == {
            torch.float32
        }
        if DETECTORS[settings.model.name].maps:
            Maps(tmp_path, infer).write(loader.batch([SampleKey(0, -1)]))


def test_mirror_images_averaged_weights_and_clipped_gradients_mix_no_devices() -> None:
    settings = settings_of(Path(__file__).parents[2] / "configs" / "audiovisual.yaml")
    optim = settings.optim.model_copy(update={"ema_decay": 0.9, "clip_norm": 1.0})
    with fake_cuda():
        model = models.build(settings.model, settings.mel, settings.clip, initialise=True).to(CUDA)
        state = initial_state(model, optim, CUDA.type)
        for weight in model.parameters():
            weight.grad = torch.zeros_like(weight)
        update(state, optim, 1e-3)
        batch = OneBatch(settings, "clips").batch([SampleKey(0, -1)] * 2)
        assert Inference(state.evaluated, CUDA, "off", flip=True)(batch).shape == (2, 2)


def test_a_batch_with_neither_pictures_nor_sound_gives_every_weight_a_gradient() -> None:
    settings = settings_of(Path(__file__).parents[2] / "configs" / "audiovisual.yaml")
    with fake_cuda(selected=False):
        model = models.build(settings.model, settings.mel, settings.clip, initialise=True).to(CUDA)
        batch = OneBatch(settings, "clips").batch([SampleKey(0, 0)] * 2)
        logit = model(**batch.inputs_at(torch.arange(2), CUDA)).logit
        logit.sum().backward()
        assert logit.shape == (2,) and all(weight.grad is not None for weight in model.parameters())


class Copies:
    """CUDA's streams, events and copies as a list of what was asked of them, on tensors of the host."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.stream, self.events = "model's", 0
        patch.setattr("torch.cuda.Stream", lambda device: self)
        patch.setattr("torch.cuda.stream", self.entered)
        patch.setattr("torch.cuda.current_stream", lambda device: self)
        patch.setattr(Tensor, "pin_memory", lambda tensor: tensor.clone())
        patch.setattr(
            Tensor, "to", lambda tensor, device, non_blocking=False: self.copy(tensor, non_blocking)
        )
        patch.setattr(
            Tensor,
            "record_stream",
            lambda tensor, stream: self.asked.append(("keep", tensor.data_ptr(), self.stream)),
        )

    @contextmanager
    def entered(self, stream: "Copies") -> Iterator[None]:
        self.stream = "side"
        yield
        self.stream = "model's"

    def copy(self, tensor: Tensor, non_blocking: bool) -> Tensor:
        copied = tensor.clone()
        self.asked.append(("copy", copied.data_ptr(), self.stream, non_blocking))
        return copied

    def record_event(self) -> int:
        self.events += 1
        self.asked.append(("event", self.events, self.stream))
        return self.events

    def wait_event(self, event: int) -> None:
        self.asked.append(("wait", event, self.stream))


def test_the_next_batch_crosses_on_a_side_stream_while_one_is_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = Numbered(10)
    infos, expected = read(loader_of(dataset, 0))
    cuda, found = Copies(monkeypatch), []
    for number, batch in enumerate(on_device(loader_of(dataset, 0), CUDA), start=1):
        # The copies of the next batch, and their event, were asked for before this one was waited for.
        assert cuda.events == min(number + 1, 3)
        assert ("wait", number, "model's") in cuda.asked and ("wait", number + 1, "model's") not in cuda.asked
        kept = {
            ask[1] for ask in cuda.asked[cuda.asked.index(("wait", number, "model's")) :] if ask[0] == "keep"
        }
        assert kept == {tensor.data_ptr() for tensor in batch.arrays().values()}
        found.append(batch)
    # The loader's memory was filled anew meanwhile; what crossed is what was there.
    for name, whole in expected.items():
        assert torch.equal(torch.cat([getattr(batch, name) for batch in found]), whole)
    assert [info for batch in found for info in batch.infos] == infos
    copies = [ask for ask in cuda.asked if ask[0] == "copy" and ask[1]]  # an empty tensor is at 0
    assert len(copies) == 3 * 5 and all(ask[2:] == ("side", True) for ask in copies)


def test_the_check_itself_sees_mixed_devices() -> None:
    with fake_cuda():
        there, host = torch.zeros(4, 3, device=CUDA), torch.zeros(2, dtype=torch.long)
        with pytest.raises(RuntimeError, match="cuda:0 and cpu"):
            there.index_select(0, host)
        with pytest.raises(RuntimeError, match="cuda:0 and cpu"):
            there + torch.linspace(0, 1, 3)
        with torch.autocast("cuda", torch.bfloat16):
            assert torch.nn.functional.linear(there, torch.zeros(5, 3, device=CUDA)).dtype == torch.bfloat16
        with pytest.raises(AssertionError, match="numpy"):
            there.numpy()
