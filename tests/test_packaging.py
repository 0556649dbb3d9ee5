"""What the package is made of: its locks, its extras, the files that it ships, and the wheel, installed and used."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from telltale.config import read
from telltale.entry import MODEL_STACK
from telltale.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
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
    ("lock", "extras"), [("requirements.lock", ["model"]), ("requirements-dev.lock", ["model", "keras", "dev"])]
)
def test_every_direct_dependency_is_locked_at_a_version_it_allows(lock: str, extras: list[str]) -> None:
    locked: dict[str, list[Version]] = {}
    for entry in entries(lock):
        name, version = entry.split()[0].split("==")
        locked.setdefault(canonical(name), []).append(Version(version))
    for text in [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]:
        wanted = Requirement(text)
        if wanted.name == PROJECT["name"]:
            assert wanted.extras <= set(extras)
            continue
        versions = locked.get(canonical(wanted.name), [])
        assert versions, f"{wanted.name} is not in {lock}: run make lock"
        assert all(wanted.specifier.contains(v) for v in versions), f"{text}: locked at {versions}: run make lock"


def test_the_image_has_what_was_tested_and_no_tools() -> None:
    runtime, tested = entries("requirements.lock"), entries("requirements-dev.lock")
    assert set(runtime) < set(tested)
    tools = {"pytest", "mypy", "ruff", "uv", "hypothesis", "pandas"}
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
    assert not {"torch", "torchvision", "timm", "librosa", "av", "tensorboard", "opencv-python-headless"} & set(base)
    modules = {"opencv-python-headless": "cv2", "huggingface-hub": "huggingface_hub"}
    assert {modules.get(name, name) for name in heavy} - {"setuptools"} == MODEL_STACK


def test_a_shipped_file_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = read(Path(__file__).parent.parent / "configs/demo.yaml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()  # what `make demo` leaves is no configuration
    for name in ("demo", "demo.yaml", "configs/demo.yaml"):
        assert read(Path(name)) == shipped
    (tmp_path / "demo.yaml").write_text("{model: {name: meso4}, seed: 99}")
    assert read(Path("demo.yaml")).seed == 99
    with pytest.raises(InputError, match="no shipped configuration has that name; .* one of audiovisual, baseline"):
        read(Path("dmeo"))
    for name in ("elsewhere/demo.yaml", "absent.yaml"):
        with pytest.raises(InputError, match=f"{name}: cannot be read"):
            read(Path(name))
