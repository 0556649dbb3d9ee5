"""What the package is made of: its locks, its extras, the files that it ships, and the wheel, installed and
used."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from telltale.config import fingerprint, read
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.runtime import environment, source
from telltale.runtime.entry import MODEL_STACK

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {name: (ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# The lock


def entries(name: str) -> list[str]:
    """The lock's entries, each with its hashes, on one line."""
    return LOCKS[name].replace("\\\n", " ").strip().splitlines()


@pytest.mark.parametrize("name", [*LOCKS])
def test_every_entry_of_the_lock_is_pinned_and_hashed(name: str) -> None:
    assert len(entries(name)) > 50
    for entry in entries(name):
        assert re.match(r"[a-z0-9.-]+==\S+ ", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}( |$)", entry), entry


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["model"]), ("requirements-dev.lock", ["model", "keras", "docs", "dev"])],
)
def test_every_direct_dependency_is_locked_at_a_version_it_allows(lock: str, extras: list[str]) -> None:
    locked: dict[str, list[Version]] = {}
    for entry in entries(lock):
        name, version = entry.split()[0].split("==")
        locked.setdefault(canonical(name), []).append(Version(version))
    for text in [
        *PROJECT["dependencies"],
        *(text for extra in extras for text in PROJECT["optional-dependencies"][extra]),
    ]:
        wanted = Requirement(text)
        if wanted.name == PROJECT["name"]:
            assert wanted.extras <= set(extras)
            continue
        versions = locked.get(canonical(wanted.name), [])
        assert versions, f"{wanted.name} is not in {lock}: run make lock"
        assert all(wanted.specifier.contains(v) for v in versions), (
            f"{text}: locked at {versions}: run make lock"
        )


def test_the_image_has_what_was_tested_and_no_tools() -> None:
    runtime, tested = entries("requirements.lock"), entries("requirements-dev.lock")
    assert set(runtime) < set(tested)
    tools = {"pytest", "mypy", "ruff", "uv", "hypothesis", "sphinx"}
    assert tools <= {entry.partition("==")[0] for entry in tested}
    assert not (tools | {"rich"}) & {entry.partition("==")[0] for entry in runtime}
    stages = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.M)}
    assert stages["runtime"] == stages["test"] == "program"
    assert list(stages)[-1] == "runtime"  # what `docker build .` builds
    for name, part in zip(stages, DOCKERFILE.split("\nFROM ")[1:], strict=True):
        assert ("requirements-dev.lock" in part) == (name in ("installer", "test")), name


def test_every_package_of_the_model_stack_is_known_by_its_module() -> None:
    """`pip install telltale` alone must say of any of them where to get it."""
    base, heavy = (
        [canonical(Requirement(text).name) for text in texts]
        for texts in (PROJECT["dependencies"], PROJECT["optional-dependencies"]["model"])
    )
    assert not {
        "torch",
        "torchvision",
        "timm",
        "librosa",
        "av",
        "tensorboard",
        "opencv-python-headless",
    } & set(base)
    modules = {"opencv-python-headless": "cv2", "huggingface-hub": "huggingface_hub"}
    assert {modules.get(name, name) for name in heavy} - {"setuptools"} == MODEL_STACK


def test_a_shipped_file_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = read(Path(__file__).parents[2] / "configs/demo.yaml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()  # what `make demo` leaves is no configuration
    for name in ("demo", "demo.yaml", "configs/demo.yaml"):
        assert read(Path(name)) == shipped
    (tmp_path / "demo.yaml").write_text("{model: {name: meso4}, seed: 99}")
    assert read(Path("demo.yaml")).seed == 99
    with pytest.raises(
        InputError, match="no shipped configuration has that name; .* one of audiovisual, baseline"
    ):
        read(Path("dmeo"))
    for name in ("elsewhere/demo.yaml", "absent.yaml"):
        with pytest.raises(InputError, match=f"{name}: cannot be read"):
            read(Path(name))


# The wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and of all else what this one has."""
    folder = tmp_path_factory.mktemp("wheel")
    source.copy(folder / "source")  # a build leaves files in its source
    uv = [sys.executable, "-m", "uv", "--offline", "--no-cache", "--quiet"]
    build = [
        *uv,
        "build",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        str(folder / "dist"),
    ]
    subprocess.run([*build, str(folder / "source")], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", symlinks=True)  # in the container nothing that lies in /tmp may be executed
    python = folder / "venv/bin/python"
    subprocess.run([*uv, "pip", "install", "--no-deps", "--python", str(python), str(wheel)], check=True)
    # A path in a .pth file is searched for packages, but not for .pth files: an editable checkout here stays
    # out of it.
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (site / "others.pth").write_text(
        "\n".join({sysconfig.get_path(kind) for kind in ("purelib", "platlib")}) + "\n"
    )
    return python


def run(python: Path, *words: str | Path, folder: Path) -> str:
    """What it prints. Nothing of this checkout is on its way, and it is not in it."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, *words], cwd=folder, env=bare, capture_output=True, text=True, check=True
    ).stdout


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_installed_wheel_is_the_checkout(installed: Path, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import telltale
from telltale import config
from telltale.runtime import environment, source
assert Path(telltale.__file__).is_relative_to(sys.prefix) and source.checkout() is None
source.copy(Path("copy"))
config.read(Path("audiovisual"))
print(config.fingerprint(config.read(Path("demo"))), environment.code())
"""
    told = run(installed, "-c", program, folder=tmp_path).split()
    assert told == [fingerprint(read(ROOT / "configs/demo.yaml")), environment.code()]
    source.copy(tmp_path / "checkout")
    assert files(tmp_path / "copy") == files(tmp_path / "checkout")
    assert {
        "Dockerfile",
        "tests/worlds/tiny.yaml",
        "src/telltale/py.typed",
        "src/telltale/predict/api.py",
    } <= files(tmp_path / "copy").keys()


def test_an_installed_wheel_has_its_commands(installed: Path, tmp_path: Path) -> None:
    telltale = installed.parent / "telltale"
    table = run(installed, telltale, "models", folder=tmp_path)
    assert [line.split()[0] for line in table.splitlines()] == ["name", *DETECTORS]
    assert run(installed, "-m", "telltale", "models", folder=tmp_path) == table
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(
            installed,
            telltale,
            "train",
            "--config",
            "baseline",
            "--data",
            "nowhere",
            "--out",
            "run",
            folder=tmp_path,
        )
    assert "nowhere/train_labels.csv: cannot be read" in failed.value.stderr  # the configuration was found
