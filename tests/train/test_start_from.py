"""A run that starts from another's weights, and one that trains the last layers alone."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from programs import CONFIG, do_train

from telltale import config, models
from telltale.competition.rules import check_start
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.models.last_layers import last_layers
from telltale.models.start import START, start

SMALL = ["clip.image_size=32", "clip.frames=1", "model.dropout=0"]
MESO = ["model.name=meso4", "model.picture_backbone=null", "model.sound_backbone=resnet10t"]


def settings_of(*overrides: str) -> config.Config:
    return config.read(Path(CONFIG), [*SMALL, *overrides])


def built(settings: config.Config) -> torch.nn.Module:
    torch.manual_seed(1)
    return models.build(settings.model, settings.mel, settings.clip, initialise=False)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("meso4", ["detector.dense.1", "detector.head.1"]),
        ("mesoinception4", ["detector.dense.1", "detector.head.1"]),
        ("shallownet_v3", ["detector.dense.0", "detector.head.1"]),
        ("mel_cnn", ["backbone.layer4.0.conv2", "head.1"]),
        ("audiovisual", ["blocks.1.mlp.2", "head.1"]),
    ],
)
def test_last_layers_are_the_last_that_are_called(name: str, wanted: list[str]) -> None:
    size = "clip.image_size=64" if name == "shallownet_v3" else "clip.image_size=32"
    backbone = "resnet10t" if name == "audiovisual" else "null"
    settings = settings_of(f"model.name={name}", f"model.picture_backbone={backbone}", size)
    model = built(settings)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    names = {module: key for key, module in model.named_modules()}
    found = [names[layer] for layer in last_layers(model, settings)]
    # A residual block's shortcut is called after its convolutions.
    assert [key.replace("downsample.1", "conv2") for key in found] == wanted
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_attention_behind_the_head_is_not_among_them() -> None:
    settings = settings_of(*MESO, "model.pooling=attention")
    model = built(settings)
    assert last_layers(model, settings) == [model.detector.dense[1], model.detector.head[1]]


@pytest.fixture(scope="module")
def first(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of meso4 on `tiny`."""
    out = tmp_path_factory.mktemp("first") / "run"
    assert do_train(tiny, out, *sets("optim.epochs=1")) == 0
    return out


def sets(*overrides: str) -> list[str]:
    return [word for text in [*SMALL, *MESO, *overrides] for word in ("--set", text)]


def test_it_starts_from_exactly_the_checkpoints_weights(first: Path) -> None:
    settings = settings_of(*MESO, f"model.start_from={first / 'best.pt'}")
    model, content = built(settings), checkpoint.load(first / "best.pt")
    start(model, settings)
    state = model.state_dict()
    assert state.keys() == content["model"].keys()
    assert all(torch.equal(state[key], value) for key, value in content["model"].items())
    assert model.provenance["picture"] == content["provenance"]["picture"]
    assert model.provenance[START]["data"] == content["data"]


def test_what_only_training_needs_keeps_its_own_weights(first: Path) -> None:
    settings = settings_of(*MESO, f"model.start_from={first / 'best.pt'}")
    model = built(settings)
    model.detector.learning = torch.nn.Linear(2, 2)
    own = {key: value.clone() for key, value in model.detector.learning.state_dict().items()}
    start(model, settings)
    assert all(torch.equal(value, own[key]) for key, value in model.detector.learning.state_dict().items())


def test_another_detector_or_size_is_refused(first: Path) -> None:
    given = f"model.start_from={first / 'best.pt'}"
    other = settings_of(*MESO, "model.name=mesoinception4", given)
    with pytest.raises(InputError, match=r"best\.pt: holds a meso4; wanted a checkpoint of mesoinception4"):
        start(built(other), other)
    larger = settings_of(*MESO, "clip.image_size=64", given)
    with pytest.raises(InputError, match="weights do not fit"):
        start(built(larger), larger)


def test_last_changes_the_last_layers_alone_and_resumes_to_the_bit(
    first: Path, tiny: Path, tmp_path: Path
) -> None:
    given = sets(f"model.start_from={first / 'best.pt'}", "optim.trained=last", "optim.rate=0.01")
    more = [*given, "--set", "optim.epochs=2", "--set", "optim.schedule=constant"]
    assert do_train(tiny, tmp_path / "whole", *more) == 0
    before, after = (checkpoint.load(run / "best.pt")["model"] for run in (first, tmp_path / "whole"))
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    layers = ("detector.dense.1", "detector.head.1")
    assert changed == {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}

    # Cut after its first epoch; the checkpoint that it started from is not needed any more.
    moved = shutil.copytree(first, tmp_path / "first")
    cut = [word.replace(str(first), str(moved)) for word in given]
    assert do_train(tiny, tmp_path / "cut", *cut, "--set", "optim.epochs=1") == 0
    shutil.rmtree(moved)
    assert do_train(tiny, tmp_path / "cut", *cut, "--set", "optim.epochs=2", "--resume") == 0
    one, two = (checkpoint.load(tmp_path / name / "last.pt")["model"] for name in ("whole", "cut"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_audit_says_what_the_checkpoint_was_trained_on(first: Path, tiny: Path, tmp_path: Path) -> None:
    """The same data pass. Other data stop a run of the competition, and fail the audit of another."""
    given = sets(f"model.start_from={first / 'best.pt'}", "optim.epochs=1")
    assert do_train(tiny, tmp_path / "same", *given) == 0
    findings = {
        each["rule"]: each for each in json.loads((tmp_path / "same/audit.json").read_text())["findings"]
    }
    assert findings["start"]["passed"] and "trained on the same data" in findings["start"]["detail"]
    assert findings["files read"]["passed"]
    listed = (tmp_path / "same/reads.csv").read_text().splitlines()
    assert any(line.startswith(f"checkpoint,,{first / 'best.pt'},") for line in listed)

    other = Path(shutil.copytree(tiny, tmp_path / "data"))
    lines = (other / "train_labels.csv").read_text().splitlines()
    (other / "train_labels.csv").write_text("\n".join(lines[:-1]) + "\n")
    (other / "train" / lines[-1].split(",")[0]).unlink()
    with pytest.raises(InputError, match=r"start: .*best\.pt was trained on data"):
        do_train(other, tmp_path / "refused", *given)
    assert not (tmp_path / "refused/audit.json").exists()
    assert do_train(other, tmp_path / "outside", *given, "--set", "rules.competition=false") == 0
    content = checkpoint.facts(tmp_path / "outside/best.pt")
    found = {
        each["rule"]: each["passed"]
        for each in json.loads((tmp_path / "outside/audit.json").read_text())["findings"]
    }
    assert found["start"] is False
    # A run that starts from that one in turn is asked for both.
    chain = {START: {"path": "b.pt", "sha256": "0", "data": "d", "before": content["provenance"][START]}}
    assert [finding.passed for finding in check_start(chain, "d")] == [False]
