"""The table of detectors and the sections of the configuration that it adds to: what a new detector touches
and what not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.config.schema import SharedModel, joined
from telltale.config.sections import Section
from telltale.errors import InputError

SOURCE = Path(__file__).resolve().parents[2] / "src/telltale"

# A detector by the mean grey of a picture against a threshold, which is a setting of its own.
FILE = """
from torch import nn
from telltale.models.detector import Detector
from telltale.config.detectors import ShadeSettings

class Shade(Detector):
    def __init__(self, grey):
        super().__init__(1, {"name": "shade", "source": "random"})
        self.grey, self.head = grey, nn.Linear(1, 1)

    def features(self, pictures):
        return pictures.mean((1, 2, 3))[:, None] - self.grey

def build(settings, clip, *, initialise, methods=None):
    assert isinstance(settings, ShadeSettings)
    return Shade(settings.shade_grey)
"""
SETTINGS = '''
class ShadeSettings(Section):
    shade_grey: Result[Positive] = 0.5
    """Grey above which a picture is forged."""


'''
ENTRY = '    "shade": _frame_level("shade", "shade.yaml", "nobody", None, model_settings=ShadeSettings),\n}\n'
USE = """
from pathlib import Path
import torch
from telltale import config, models
from telltale.errors import InputError

settings = config.read(Path("shade.yaml"), ["model.shade_grey=0.25"])
assert config.ModelSettings.model_fields["shade_grey"].description == "Grey above which a picture is forged."
try:
    config.read(Path("shade.yaml"), ["model.shade_gray=0.25"])
except InputError as error:
    print(error)
model = models.build(settings.model, settings.mel, settings.clip, initialise=True, methods=1)
there = torch.ones(2, dtype=torch.bool)
features = model.detector.features(torch.full((2, 3, 8, 8), 0.5))
print(features.flatten().tolist(), model(torch.rand(2, 2, 3, 8, 8), None, there, there).logit.shape)
"""


def test_a_detector_with_a_setting_of_its_own_is_a_file_an_entry_and_a_config(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "telltale", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "telltale/models/shade.py").write_text(FILE, encoding="utf-8")
    table = tmp_path / "telltale/config/detectors.py"
    before, entries = table.read_text(encoding="utf-8").split("@dataclass", 1)
    assert entries.endswith("),\n}\n")
    table.write_text(
        f"{before}{SETTINGS.lstrip()}@dataclass{entries.removesuffix('}' + chr(10))}{ENTRY}", encoding="utf-8"
    )
    (tmp_path / "shade.yaml").write_text("model: {name: shade}\nclip: {image_size: 16}\n", encoding="utf-8")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    refusal, result = done.stdout.splitlines()
    assert (
        refusal == "--set model.shade_gray=0.25: unknown key model.shade_gray; did you mean model.shade_grey?"
    )
    assert result == "[0.25, 0.25] torch.Size([2])"


def test_a_key_that_is_there_already_is_refused_as_a_detectors_own() -> None:
    class Taken(Section):
        width: int = 1

    with pytest.raises(TypeError, match="ModelSettings: declared twice: width; wanted another name"):
        joined("ModelSettings", SharedModel, [Taken])
    # Several detectors may share a class.
    assert (
        list(
            joined("ModelSettings", SharedModel, [None, *2 * [DETECTORS["spsl"].model_settings]]).model_fields
        )[-1]
        == "spsl_norm"
    )


def test_every_key_says_what_it_means() -> None:
    def undescribed(section: type[BaseModel], path: str) -> list[str]:
        found = []
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found += undescribed(field.annotation, f"{path}{name}.")
            elif not (field.description or "").strip().endswith("."):
                found.append(path + name)
        return found

    assert undescribed(config.Config, "") == []
    assert (
        config.ModelSettings.model_fields["f3net_parts"].description
        and config.ObjectiveSettings.model_fields["landmarks"].description
    )


def test_a_configs_keys_stay_in_their_order() -> None:
    model = config.ModelSettings(name="xception").model_dump()
    assert next(iter(model)) == "name" and list(model)[-3:] == ["f3net_parts", "spsl_trunk", "spsl_norm"]


@pytest.mark.parametrize(
    ("name", "given", "per"),
    [
        ("resnet18", {}, "clip"),
        ("resnet18", {"per": "frame"}, "frame"),
        ("mel_cnn", {}, "clip"),
        ("audiovisual", {"per": "clip"}, "clip"),
        ("ucf", {}, "frame"),
        ("lav", {"per": "frame"}, "frame"),
    ],
)
def test_a_resolved_config_says_what_losses_are_taken_of(name: str, given: dict, per: str):
    settings = config.parse({"model": {"name": name}, "objective": given}, "test")
    assert settings.objective.per == per
    assert settings == config.parse({"model": {"name": name}, "objective": {"per": per}}, "test")


@pytest.mark.parametrize(
    ("model", "per", "says"),
    [
        (
            {"name": "audiovisual"},
            "frame",
            "audiovisual has no scores of single frames; wanted objective.per=clip",
        ),
        ({"name": "mel_cnn"}, "frame", "mel_cnn has no scores of single frames; wanted objective.per=clip"),
        ({"name": "ucf"}, "clip", "ucf learns from single frames; wanted objective.per=frame"),
        (
            {"name": "spsl", "pooling": "attention"},
            "frame",
            "single frames' losses teach no attention; wanted objective.per=clip",
        ),
    ],
)
def test_losses_that_a_detector_cannot_have_are_refused(model: dict, per: str, says: str):
    with pytest.raises(InputError, match="^x.yaml: objective: .*" + re.escape(says)):
        config.parse({"model": model, "objective": {"per": per}}, "x.yaml")


def test_detectors_that_judge_frames_are_published_with_losses_of_frames():
    for entry in DETECTORS.values():
        settings = config.read(Path(__file__).parents[2] / "configs" / entry.config)
        assert settings.objective.per == ("frame" if entry.per_frame else "clip"), entry.config


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("xcption", "xception"),
        ("EfficientNet-B4", "efficientnet_b4"),
        ("meso5", "meso4"),
        ("audio_visual", "audiovisual"),
    ],
)
def test_a_misspelt_detector_gets_the_name_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"^c: model.name: .*did you mean {meant}\? wanted one of mel_cnn"):
        config.parse({"model": {"name": name}}, "c")


def test_an_update_is_of_as_many_pictures_as_published() -> None:
    for name, entry in DETECTORS.items():
        if entry.per_frame:
            settings = config.read(SOURCE.parent.parent / "configs" / entry.config)
            clips = settings.data.batch_size * settings.optim.accumulate * (2 if name == "sbi" else 1)
            assert clips * settings.clip.frames == (12 if name == "f3net" else 32), name


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"name": "ucf", "pooling": "attention"}, "ucf learns from single frames, which teach no attention"),
        ({"name": "lav", "pooling": "attention"}, "lav learns from single frames, which teach no attention"),
        (
            {"name": "audiovisual", "pooling": "max"},
            "audiovisual pools by mean or attention, got pooling 'max'",
        ),
        (
            {"name": "audiovisual", "pooling": "top_k"},
            "audiovisual pools by mean or attention, got pooling 'top_k'",
        ),
        ({"name": "frame_cnn", "picture_detector": "spsl"}, "picture_detector is for audiovisual and one of"),
        (
            {"name": "audiovisual", "picture_detector": "mel_cnn"},
            "picture_detector is for audiovisual and one of .* got 'mel_cnn'",
        ),
        (
            {"name": "audiovisual", "picture_detector": "nobody"},
            "picture_detector is for audiovisual and one of .* got 'nobody'",
        ),
        (
            {"name": "spsl", "picture_backbone": "resnet18"},
            "spsl is built on legacy_xception.tf_in1k, got .* 'resnet18'",
        ),
        (
            {"name": "meso4", "picture_backbone": "resnet18"},
            "meso4 is built on no backbone, got picture_backbone 'resnet18'",
        ),
        ({"name": "meso4", "pretrained": True}, "meso4 has no ImageNet weights to begin with"),
        (
            {"name": "shallownet_v3", "picture_weights": "x.pth"},
            "shallownet_v3 has no published weights to begin with",
        ),
        (
            {"name": "audiovisual", "picture_detector": "shallownet_v3", "picture_weights": "x.pth"},
            "shallownet_v3 has no published weights to begin with",
        ),
        ({"name": "zzz"}, "no detector of that name; wanted one of mel_cnn, .*, lav"),
        (
            {"name": "XcepTion"},
            r"no detector of that name; did you mean xception\? wanted one of mel_cnn, .*, lav",
        ),
        ({"name": "xception", "pooling": "median"}, "'mean', 'max', 'top_k' or 'attention'"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config.ModelSettings.model_validate(tree)
