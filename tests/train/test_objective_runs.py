"""A whole run of each detector through train.py and predict.py, by the objective that trains it."""

import csv
import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import predict
import train
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.scores.table import read_scores

SIZE = 64

SMALL = [
    "clip.seconds=1",
    "clip.frames=1",
    f"clip.image_size={SIZE}",
    "data.batch_size=4",
    "data.workers=1",
    "optim.epochs=2",
]
SMALL += [
    "optim.accumulate=1",
    "optim.autocast=off",
    "threads=1",
    "optim.rate=1e-3",
    "optim.schedule=constant",
    "predict.spans=1",
    "predict.batch_size=4",
]


# A smaller network, where the detector's own would take long.
OWN = {
    "sbi": ("model.picture_backbone=test_efficientnet",),
    "flagship": (
        "model.picture_backbone=test_convnext",
        "model.width=16",
        "model.flagship_layers=1",
        "model.flagship_depth=1",
        "clip.native_size=32",
        "clip.mouth_frames=4",
        "clip.mouth_size=16",
    ),
}


@pytest.fixture(scope="module")
def labelled(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data set, its training labels with the kinds of forgery in a column."""
    folder = tmp_path_factory.mktemp("labelled")
    for name in ("train", "validation", "test", "validation_labels.csv"):
        (folder / name).symlink_to(tiny / name)
    with (tiny / "meta.csv").open() as file:
        kinds = {row["video_name"]: row["kind"] for row in csv.DictReader(file)}
    clusters = {kind: number for number, kind in enumerate(sorted(set(kinds.values())))}
    with (tiny / "train_labels.csv").open() as file, (folder / "train_labels.csv").open("w") as out:
        out.write("video_name,target,method\n")
        out.writelines(
            f"{r['video_name']},{r['target']},{clusters[kinds[r['video_name']]]}\n"
            for r in csv.DictReader(file)
        )
    return folder


def do_train(data: Path, name: str, out: Path, *more: str, resume: bool = False) -> int:
    words = [word for value in [*SMALL, *more] for word in ("--set", value)]
    file = Path(__file__).parents[2] / "configs" / DETECTORS[name].config
    given = ["--config", str(file), "--data", str(data), "--out", str(out)]
    return train.train(train.arguments([*given, *words, *["--resume"] * resume]))


# The objectives of their own in every test run, the plain classifiers by `make test-slow`.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if e.objective != "classifier" else pytest.mark.slow)
        for name, e in DETECTORS.items()
    ],
)
def test_a_detector_trains_resumes_exactly_and_predicts(labelled: Path, tmp_path: Path, name: str) -> None:
    torch.set_num_threads(1)
    backbone = OWN.get(name, ())
    assert do_train(labelled, name, tmp_path / "run", *backbone) == 0
    with (tmp_path / "run" / "history.csv").open() as file:
        header = next(csv.reader(file))
    terms = {"ucf": {"train_common", "train_specific", "train_reconstruction", "train_contrastive"}}
    of_cues = {"train_picture", "train_motion", "train_sound", "train_in_step"}
    terms["flagship"] = {"train_fused", "train_segments", "train_map", "train_offset", *of_cues}
    terms["lav"] = {"train_classes", "train_patches", "train_genuine_patches"}
    assert {key for key in header if key.startswith("train_")} - {
        "train_loss",
        "train_unreadable",
    } == terms.get(name, set())
    logged = EventAccumulator(str(tmp_path / "run")).Reload().Tags()["scalars"]
    assert {f"train/{term.removeprefix('train_')}" for term in terms.get(name, set())} <= set(logged)
    best = checkpoint.load(tmp_path / "run" / "best.pt")
    assert not [key for key in best["model"] if ".learning." in key]
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    trained = {
        key
        for key in best["model"]
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked", "calibration"))
    }
    assert audit["parameters"] == sum(best["model"][key].numel() for key in trained)
    # One epoch, then another in a second call, is bit for bit the run of two.
    assert do_train(labelled, name, tmp_path / "cut", *backbone, "optim.epochs=1") == 0
    assert do_train(labelled, name, tmp_path / "cut", *backbone, resume=True) == 0
    cut, whole = (checkpoint.load(tmp_path / run / "last.pt")["model"] for run in ("cut", "run"))
    assert all(torch.equal(cut[key], whole[key]) for key in whole)
    # Prediction builds and loads the common part alone.
    asked = [
        "--checkpoint",
        str(tmp_path / "run/best.pt"),
        "--videos",
        str(labelled / "test"),
        "--out",
        str(tmp_path / "submission.csv"),
    ]
    maps = ["--maps", str(tmp_path / "maps")]
    if not DETECTORS[name].maps:
        says = f"{name} says whether a clip is forged, not where; wanted a checkpoint of flagship, lav"
        with pytest.raises(InputError, match=says):
            predict.predict(predict.arguments([*asked, *maps]))
        maps = []
    assert predict.predict(predict.arguments([*asked, *maps])) == 0
    scores = read_scores(tmp_path / "scores.csv")
    assert {score.status for score in scores.values()} == {"ok"}
    if maps:
        assert {path.name for path in (tmp_path / "maps").iterdir()} == {f"{video}.png" for video in scores}


def test_training_on_pairs_wants_an_even_batch(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"data\.batch_size is 5; ucf trains on pairs, wanted an even number"
    ):
        do_train(labelled, "ucf", tmp_path / "run", "data.batch_size=5")


def test_a_named_method_column_has_to_be_there(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train_labels\.csv:1: header .* wanted a column 'cluster' besides"):
        do_train(labelled, "ucf", tmp_path / "run", "data.method_column=cluster")
