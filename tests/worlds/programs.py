"""Our two programs as tests call them: with the tiny configuration, in this process or in one of their
own."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import torch

import predict
import train
from telltale import config, models
from telltale.models import checkpoint
from telltale.predict import prediction as prediction_module
from telltale.runtime import distributed
from telltale.runtime.entry import guarded
from telltale.train import objectives
from telltale.train import training as training_module

CONFIG = str(Path(__file__).with_name("tiny.yaml"))


def do_train(data: Path, out: Path, *more: str) -> int:
    return train.train(train.arguments(["--config", CONFIG, "--data", str(data), "--out", str(out), *more]))


def do_predict(run: Path, videos: Path, out: Path, *more: str) -> int:
    given = ["--checkpoint", str(run / "best.pt"), "--videos", str(videos), "--out", str(out), *more]
    return predict.predict(predict.arguments(given))


def trained(folder: Path, name: str, *more: str) -> Path:
    """A checkpoint as train.py writes it, of a model that has learnt nothing. more: further overrides."""
    settings = config.read(Path(CONFIG), [f"model.name={name}", "clip.seconds=4", "clip.frames=4", *more])
    distributed.seed(1)
    model = models.build(settings.model, settings.mel, settings.clip, initialise=True)
    about = {"config": settings.model_dump(mode="json"), "provenance": model.provenance, "mean_score": 0.625}
    checkpoint.save(folder / "best.pt", {"model": model.state_dict(), **about})
    return folder / "best.pt"


# What the programs import only once their arguments are good; a fork has it from here.
IMPORTED = objectives, prediction_module, training_module
FORK = multiprocessing.get_context("fork")


def _child(program: Callable[[], int]) -> None:
    torch.set_num_threads(1)
    os._exit(guarded(program))


def start(program: Callable[[], int]) -> multiprocessing.Process:
    process = FORK.Process(target=_child, args=(program,))
    process.start()
    return process  # type: ignore[return-value]


def finish(program: Callable[[], int]) -> int | None:
    process = start(program)
    process.join(300)
    return process.exitcode
