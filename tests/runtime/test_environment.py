"""Which code, packages and machine a number came from."""

import hashlib
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import pytest

import telltale
from telltale.errors import InputError
from telltale.files import sha256
from telltale.runtime import environment, source

ROOT = Path(__file__).resolve().parents[2]


def copy_of_sources(folder: Path) -> Path:
    """A checkout of its own; returns its package."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder / "src" / "telltale"


def code_in_a_process(source: Path) -> str:
    program = (
        f"import sys; sys.path.insert(0, {str(source)!r}); from telltale.runtime import environment; "
        "print(environment.code())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=source
    )
    return done.stdout.strip()


def test_code_is_the_version_and_sixteen_digits_and_stays_the_same() -> None:
    assert re.fullmatch(re.escape(telltale.__version__) + r"\+[0-9a-f]{16}", environment.code())
    assert environment.code() is environment.code()


def test_code_changes_with_any_source_and_not_with_time_or_place(tmp_path: Path) -> None:
    package = copy_of_sources(tmp_path / "a")
    before = code_in_a_process(package.parent)
    other = copy_of_sources(tmp_path / "elsewhere" / "b")
    (other / "notes.txt").write_text("no source")
    (other / "models" / "mel_cnn.py").touch()
    assert code_in_a_process(other.parent) == before
    path = package / "models" / "mel_cnn.py"
    path.write_text(path.read_text() + "# one comment\n")
    changed = code_in_a_process(package.parent)
    assert changed != before
    path.rename(path.with_name("mel_cnn_2.py"))
    assert code_in_a_process(package.parent) not in (before, changed)


def test_an_installed_package_has_the_digits_of_its_checkout(tmp_path: Path) -> None:
    package = copy_of_sources(tmp_path)
    assert source.checkout(package) == tmp_path
    installed = tmp_path / "site-packages"
    shutil.copytree(package.parent, installed)
    (installed / "telltale/checkout").mkdir()
    shutil.copy(ROOT / "train.py", installed / "telltale/checkout")
    assert source.checkout(installed / "telltale") is None
    assert code_in_a_process(installed) == code_in_a_process(package.parent)


def test_packages_are_those_installed_and_none_where_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment.packages()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == numpy.__version__
    assert list(found) == ["python", *environment.distributions()]
    assert None not in found.values()
    monkeypatch.setattr(environment, "distributions", lambda: ("numpy", "a-package-nobody-wrote"))
    assert environment.packages()["a-package-nobody-wrote"] is None


def test_the_packages_are_those_between_a_file_and_its_score() -> None:
    found = set(environment.distributions())
    assert {
        "torch",
        "timm",
        "av",
        "decord",
        "librosa",
        "soxr",
        "numpy",
        "scipy",
        "opencv-python-headless",
    } <= found
    besides = {
        "pandas",
        "matplotlib",
        "scikit-learn",
        "thop",
        "tqdm",
        "tensorboard",
        "pydantic",
        "PyYAML",
        "huggingface-hub",
    }
    assert not found & (besides | {"telltale", "packaging", "safetensors", "h5py"})


def test_a_detector_that_imports_a_package_brings_it_in(tmp_path: Path) -> None:
    package = copy_of_sources(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); from telltale.runtime import environment; "
    )
    program += "print(*environment.distributions())"

    def in_a_process() -> set[str]:
        return set(
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            ).stdout.split()
        )

    assert in_a_process() == set(environment.distributions())
    (package / "models" / "new.py").write_text('"""New."""\n\n\ndef build():\n    import einops.layers\n')
    (package / "report" / "new.py").write_text("import plotly\n")
    assert in_a_process() - set(environment.distributions()) == {"einops"}


def test_versions_ask_torch_only_where_it_is_loaded() -> None:
    program = (
        "import sys; from telltale.runtime import environment; import telltale.scores.sidecar; "
        "print(environment.machine()['vector'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False"]
    import torch

    told = environment.machine()
    assert (told["vector"], told["threads"]) == (
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
    )
    assert told["cores"] >= 1 and told["architecture"] == platform.machine()
    assert (told["gpu"] is None) == (not torch.cuda.is_available())


def test_the_processors_name_is_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: A Chip: Fast @ 3 GHz\nprocessor\t: 1\nmodel name\t: B\n"
    )
    assert environment.cpu_name(tmp_path / "cpuinfo") == "A Chip: Fast @ 3 GHz"
    assert environment.cpu_name(tmp_path / "absent") == (platform.processor() or None)


def test_the_date_is_now_in_utc() -> None:
    date = datetime.fromisoformat(environment.record()["date"])
    assert date.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - date) < timedelta(seconds=60)


def test_differences_are_of_code_and_packages_and_apart_from_them_of_machines() -> None:
    there = {
        "code": "0.1.0+a",
        "packages": {"torch": "2.15.0", "numpy": "2.0", "decord": "0.6.0"},
        "machine": {"cpu": "A", "gpu": None},
    }
    here = {
        "code": "0.1.0+b",
        "packages": {"torch": "2.14.0", "numpy": "2.0", "decord": None, "new": "1"},
        "machine": {"cpu": "B", "gpu": "G"},
    }
    assert environment.differences(there, here) == [
        "telltale 0.1.0+a there, 0.1.0+b here",
        "torch 2.15.0 there, 2.14.0 here",
        "decord 0.6.0 there, none here",
    ]
    old = {"code": environment.code(), "packages": {"pandas": "0.1", "matplotlib": "0.1", "torch": "0.1"}}
    assert [line.split()[:2] for line in environment.differences(old)] == [
        ["torch", "0.1"]
    ]  # of a bundle that names more
    assert environment.machine_differences(there, here) == ["cpu A there, B here", "gpu none there, G here"]
    assert environment.differences(environment.record()) == []
    assert environment.machine_differences(environment.record()) == []


def test_a_files_digest_is_sha256_and_a_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    assert sha256(tmp_path / "file") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        sha256(tmp_path)
