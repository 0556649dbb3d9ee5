"""The shipped configurations can learn: each drives 16 clips to a training AUC of 1.0, on small inputs."""

import csv
from pathlib import Path

import pytest
import torch

import train
from telltale import config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
STILL = [f"augment.{name}=0" for name in config.AugmentSettings.model_fields if name.endswith("_p")]
SMALL = [
    "clip.seconds=1",
    "clip.frames=2",
    "clip.image_size=64",
    "mel.n_mels=32",
    "data.workers=2",
    "optim.schedule=constant",
]
MILD = [
    "optim.rate=1e-3",
    "optim.warmup_steps=0",
    "model.dropout=0",
    "model.modality_dropout=0",
    "data.batch_size=4",
]


@pytest.fixture
def twice(tiny: Path, tmp_path: Path) -> Path:
    """The training clips also stand as validation, under other names: validation AUC is then training AUC, as
    evaluated."""
    folder = tmp_path / "data"
    for split in ("train", "validation"):
        (folder / split).mkdir(parents=True)
        with (tiny / "train_labels.csv").open() as file, (folder / f"{split}_labels.csv").open("w") as labels:
            labels.write("video_name,target\n")
            for row in csv.DictReader(file):
                labels.write(f"{split}-{row['video_name']},{row['target']}\n")
                (folder / split / f"{split}-{row['video_name']}").symlink_to(
                    tiny / "train" / row["video_name"]
                )
    return folder


@pytest.mark.parametrize(("name", "epochs"), [("baseline", 20), ("audiovisual", 20)])
def test_sixteen_clips_are_learnt_by_heart(twice: Path, tmp_path: Path, name: str, epochs: int) -> None:
    torch.set_num_threads(1)
    out = tmp_path / "run"
    overrides = [
        word for value in [*STILL, *SMALL, *MILD, f"optim.epochs={epochs}"] for word in ("--set", value)
    ]
    given = ["--config", str(CONFIGS / f"{name}.yaml"), "--data", str(twice), "--out", str(out), *overrides]
    assert train.train(train.arguments(given)) == 0
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert max(float(row["validation_auc"]) for row in history) == 1.0
    # Not the last one: at this rate, with batch statistics of 4 clips, single epochs jump even when all is
    # learnt.
    losses = [float(row["train_loss"]) for row in history]
    assert min(losses) < 0.5 * losses[0]
