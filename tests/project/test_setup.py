"""Set-up keeps its promises: no host of an index, make on bare and broken machines, CI's script."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SET_UP_FILES = [
    "Makefile",
    "Dockerfile",
    "docker-compose.yml",
    "docker-compose.gpu.yml",
    ".ci/run",
    ".ci/compose.yml",
]


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-dev.lock", "pyproject.toml", *SET_UP_FILES]
)
def test_no_set_up_file_names_a_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(
        r"--(extra-)?index-url|--find-links|--default-index", text.replace("--no-emit-index-url", "")
    )


# make


def bare_checkout(folder: Path) -> Path:
    """The files that set-up reads, in a folder of their own without an environment."""
    for name in ("Makefile", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed here (the container has none)")
    outside = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON")}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env=outside | environment, capture_output=True, text=True, timeout=60
    )


def test_help_is_the_default_and_lists_every_target() -> None:
    shown = make(ROOT).stdout.splitlines()
    assert [line.split()[1] for line in shown] == [
        "help",
        "setup",
        "demo",
        "test",
        "test-peers",
        "test-slow",
        "lint",
        "docs",
        "bench",
        "detectors",
        "check-gpu",
        "lock",
    ]
    assert all(len(line.split()) > 4 for line in shown)


def test_only_the_bench_installs_what_it_compares_with(tmp_path: Path) -> None:
    folder = bare_checkout(tmp_path)
    (folder / "bench").mkdir()
    (folder / "bench/peers.lock").touch()
    installs = {
        target: "bench/peers.lock" in make(folder, "--dry-run", target).stdout
        for target in ("test", "demo", "bench")
    }
    assert installs == {"test": False, "demo": False, "bench": True}
    (tests,) = re.findall(r"-m peers (\S+)", make(folder, "--dry-run", "bench").stdout)
    assert "@pytest.mark.peers" in (ROOT / tests).read_text()


@pytest.mark.parametrize("target", ["demo", "test", "lint", "docs", "bench", "lock"])
def test_each_target_makes_the_environment_first_and_only_when_it_must(target: str, tmp_path: Path) -> None:
    folder = bare_checkout(tmp_path)
    dry_run = ("--dry-run", f"PYTHON={sys.executable}", target)
    assert "-m venv" in make(folder, *dry_run).stdout
    (folder / ".venv").mkdir()
    (folder / ".venv/.made-from-lock").touch()
    assert "-m venv" not in make(folder, *dry_run).stdout
    later = (folder / ".venv/.made-from-lock").stat().st_mtime + 10
    os.utime(folder / "requirements-dev.lock", (later, later))
    assert "-m venv" in make(folder, *dry_run).stdout


def test_the_processes_of_a_test_run_share_their_bytecode(tmp_path: Path) -> None:
    folder = bare_checkout(tmp_path)
    (folder / ".venv").mkdir()
    stand_in(folder / ".venv/bin", "pytest", 'echo "told not to: ${PYTHONDONTWRITEBYTECODE-no}"')
    (folder / ".venv/.made-from-lock").touch()
    assert "told not to: no" in make(folder, "test", PYTHONDONTWRITEBYTECODE="1").stdout.splitlines()


def stand_in(folder: Path, name: str, body: str) -> Path:
    """A program of that name that does `body`, in a folder to put first on PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return program


def refusal(folder: Path, *arguments: str, **environment: str) -> str:
    """What `make setup` says last when it fails; the stamp must not be there."""
    done = make(folder, "setup", *arguments, **environment)
    assert done.returncode != 0
    assert not (folder / ".venv/.made-from-lock").exists()
    told = [line for line in done.stderr.splitlines() if "set-up stopped" in line]
    assert len(told) == 1, done.stderr
    return told[0]


def test_a_machine_without_a_fit_python_is_told_what_to_install(tmp_path: Path) -> None:
    folder = bare_checkout(tmp_path)
    assert "python3-venv" in refusal(folder, "PYTHON=")
    old = stand_in(tmp_path / "bin", "python3.8", "exit 1")
    assert f"'{old}' is not a Python 3.11 or newer" in refusal(folder, f"PYTHON={old}")


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    no_venv = stand_in(tmp_path / "bin", "python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    assert "apt install python3-venv" in refusal(bare_checkout(tmp_path), f"PYTHON={no_venv}")


def test_a_full_disk_is_seen_before_anything_is_fetched(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "df", "printf 'head\\n/dev/x 100 90 3145728 97%% /\\n'")
    told = refusal(bare_checkout(tmp_path), PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert "needs about 8 GB and only 3 GB are free" in told
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("broken", ["pip", "uv"])
def test_a_failed_download_says_what_to_do_and_leaves_no_stamp(broken: str, tmp_path: Path) -> None:
    folder = bare_checkout(tmp_path)
    stand_in(tmp_path / "bin", "df", "printf 'head\\n/dev/x 100 90 99999999 1%% /\\n'")
    make_venv = '*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;'
    stand_in(
        tmp_path / "bin",
        "python3.11",
        f'case "$*" in {make_venv} *"-m pip"*) exit {int(broken == "pip")};; esac',
    )
    if broken == "uv":
        stand_in(tmp_path / ".venv", "uv.txt", "")
        (tmp_path / ".venv/bin").mkdir()
        stand_in(tmp_path / ".venv/bin", "uv", "exit 2")
    told = refusal(folder, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert "could not be installed" in told
    assert "check the connection" in told
    assert "run make again" in told


# CI


def test_ci_is_a_runnable_script_that_stops_at_the_first_failure() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "\nset -euo pipefail\n" in script.read_text()
    if shutil.which("bash"):
        subprocess.run(["bash", "-n", str(script)], check=True)
