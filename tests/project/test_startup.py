"""What each program loads before it begins: seconds of importing, told by what is imported and never by a
clock."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each costs half a second to five: timm brings torchvision, that brings torch._dynamo, and that brings sympy.
NOT_FOR_READING = (
    "timm torchvision torch._dynamo sympy thop sklearn pandas matplotlib albumentations librosa scipy.signal"
)
NOT_FOR_A_SCORE = "sklearn pandas matplotlib albumentations tensorboard"


def loaded_by(program: str, names: str) -> list[str]:
    """Which of `names` a process of its own has loaded at the end of `program`."""
    # A name that is not installed, or misspelt, would be found missing whatever the program does.
    assert all(importlib.util.find_spec(name) for name in names.split())
    told = f"{program}\nimport sys\nprint(*(name for name in {names.split()} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_a_loaded_module_is_told():
    assert loaded_by("import numpy, scipy.signal", "numpy scipy.signal sklearn") == ["numpy", "scipy.signal"]


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_telltale_itself_loads_nothing_heavy(words: list[str]):
    program = f"""
from telltale.cli import main
try:
    main({words})
except SystemExit as end:
    assert end.code == 0
"""
    assert loaded_by(program, f"torch numpy pydantic yaml av cv2 scipy {NOT_FOR_READING}") == []


MISTAKES = {
    "train --config absent.yaml --data . --out run": "absent.yaml: cannot be read",
    "train --config configs/demo.yaml --data . --out run --set optim.epoch=3": "optim.epoch",
    "train --config configs/demo.yaml --data absent --out run": "absent/train_labels.csv: cannot be read",
    "plan --videos 9 --config configs/demo.yaml --set optim.lr=1": "did you mean optim.rate?",
    "cache build --config configs/demo.yaml --data absent --store store": "wanted --set data.spans=N",
    "cache build --config configs/demo.yaml --data absent --store store"
    " --set data.spans=2": "absent/train_labels.csv",
    "fetch-weights --config absent.yaml": "absent.yaml: cannot be read",
    "evaluate --labels absent.csv --scores pyproject.toml": "absent.csv: cannot be read",
    "validate-submission absent.csv --list absent.csv": "absent.csv: cannot be read",
    "bundle absent --data . --out bundle": "absent: cannot be read",
    "reproduce absent --out out --tier scores": "absent/bundle.json: cannot be read",
    "runs absent": "absent: is not a folder",
    "selftest absent": "absent/bundle.json: cannot be read",
    "predict --checkpoint absent.pt --videos . --out submission.csv": "absent.pt: cannot be read",
    "predict --checkpoint pyproject.toml --videos . --out submission.csv": "pyproject.toml: is no checkpoint",
    "predict --checkpoint {zip} --videos absent --out submission.csv": "absent: is not there",
    "predict --checkpoint {zip} --videos . --out submission.csv --set optim.rate=1": (
        "a trained model fixes this"
    ),
}


def test_the_help_of_every_verb_loads_nothing_heavy():
    program = """
from telltale.cli import COMMANDS, main
for words in ["", *(command.words for command in COMMANDS)]:
    try:
        main([*words.split(), "--help"])
    except SystemExit as end:
        assert end.code == 0
"""
    assert loaded_by(program, f"torch numpy av cv2 scipy {NOT_FOR_READING}") == []


def test_a_mistake_is_said_before_torch_is_loaded(tmp_path: Path):
    """One process makes them all, one after another."""
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    heavy = f"torch numpy av cv2 scipy {NOT_FOR_READING}"
    program = f"""
import contextlib, io, sys
from telltale.cli import main
for words, sentence in {MISTAKES}.items():
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert main(words.format(zip={str(tmp_path / "model.pt")!r}).split()) == 2, words
    assert sentence in said.getvalue(), (words, said.getvalue())
    assert not [name for name in {heavy.split()} if name in sys.modules], words
"""
    assert loaded_by(program, heavy) == []


@pytest.mark.parametrize("module", ["telltale.data.loader", "telltale.predict.prediction"])
def test_clips_are_read_before_the_slow_libraries_are_there(module: str):
    """The workers are forked from a process that has imported this much; timm comes when they are at work."""
    assert loaded_by(f"import {module}", NOT_FOR_READING) == []


def test_reading_and_scoring_a_clip_load_no_library_of_training():
    """Beyond the imports: what the first clip itself draws in."""
    program = """
import numpy as np
from telltale import config, models
from telltale.data import mel, transforms
settings = config.Config(model={"name": "mel_cnn"})
transforms.fit(np.zeros((2, 40, 60, 3), np.uint8), 32)
mel.log_mel(np.zeros(16_000, np.float32), settings.mel, 1.0)
import telltale.predict.prediction
models.build(settings.model, settings.mel, settings.clip, initialise=False)
"""
    assert loaded_by(program, NOT_FOR_A_SCORE) == []


def test_a_verb_that_compares_files_loads_no_model():
    assert (
        loaded_by(
            "import telltale.cli.evaluate, telltale.cli.validate_submission", f"torch {NOT_FOR_READING}"
        )
        == []
    )
