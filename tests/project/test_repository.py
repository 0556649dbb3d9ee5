"""What lies in the repository: files that users look for, no host of an index, a lock that pins all."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


TOP = [
    "Dockerfile",
    "docker-compose.yml",
    "docker-compose.gpu.yml",
    ".dockerignore",
    ".ci/run",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "pyproject.toml",
    "requirements.lock",
    "requirements-dev.lock",
    "setup.py",
    "train.py",
    "predict.py",
    "src",
    "configs",
    "tests",
    "report",
    "bench",
]


def identify(path: Path) -> str:
    """Parameter id: the path as people write it."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", TOP)
def test_what_users_look_for_is_there(name: str):
    assert (ROOT / name).exists()


def texts() -> list[tuple[Path, str]]:
    """Every text file that is part of the project: those in the root, and all below the folders that hold
    sources."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in ("src", "configs", "tests", "report", "bench", "docs", ".ci", ".github"):
        paths += [
            path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
    found = []
    for path in paths:
        if not any(part.endswith(".egg-info") for part in path.parts):
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                found.append((path, data.decode("utf-8")))
    return found


def test_no_file_names_the_host_of_an_index_or_hub():
    # The brackets keep these patterns from finding themselves.
    hosts = re.compile(
        r"[p]ypi\.|[p]ythonhosted\.|[h]uggingface\.co|\b[h]f\.co|download\.[p]ytorch|[a]naconda\.(org|com)"
    )
    files = texts()
    assert {"requirements.lock", "Dockerfile", "test_architecture.py"} <= {path.name for path, _ in files}
    for path, text in files:
        for number, line in enumerate(text.splitlines(), 1):
            assert not hosts.search(line), f"{identify(path)}:{number}: {line.strip()[:100]}"


def test_the_lock_pins_and_hashes_everything():
    lines = [line.strip() for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()]
    entries = [line for line in lines if line and not line.startswith(("#", "--hash="))]
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[^ ]+ .*\\$", entry), (
            f"{entry!r}: wanted NAME==VERSION and its hashes, no option, no address"
        )
    hashed = [line for before, line in pairwise(lines) if before in entries]
    assert all(line.startswith("--hash=sha256:") for line in hashed)
