"""Which code, which packages and which machine a file was made by: what a number depends on besides model and
data.

    record = environment.record()                     # goes into environment.json and beside score files
    environment.differences(record)                   # ["torch 2.15.0 there, 2.14.0 here"]

Does not import torch: it is asked only if something else has imported it.
"""

import ast
import hashlib
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import telltale
from telltale.files import sha256
from telltale.runtime import source, threads

# The modules on the path from a clip's file to its logit. A score depends on the packages that they import,
# directly or through other modules of ours. Left out are packages that read settings and weights, because a
# checkpoint holds their values, and those that show progress.
SCORING_MODULES = ("data.dataset", "predict.inference", "models")
IRRELEVANT = {"h5py", "huggingface_hub", "packaging", "pydantic", "safetensors", "tqdm", "yaml"}
# Distributions with another name than the module that they install.
DISTRIBUTION_NAMES = {
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "PyYAML",
    "skimage": "scikit-image",
}
# Those that metrics are computed with.
TABLES = ("numpy", "scipy")


@cache
def code() -> str:
    """The version and 16 hex digits of the sources, such as "0.1.0+3f2a...". The process keeps the answer of
    its first call.

    The digits are of all .py files of the package and their names. They are equal for a checkout, its wheel
    and its image, and depend neither on git nor on the files' times.
    """
    return f"{telltale.__version__}+{_digits(source.PACKAGE)}"


def _digits(package: Path) -> str:
    """16 hex digits of the sources of `package`, without the copy of the checkout that an installed one
    carries."""
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    whole = hashlib.sha256()
    for name, path in sorted(files.items()):
        if not name.startswith(f"{source.CARRIED}/"):
            whole.update(f"{name} {sha256(path)}\n".encode())
    return whole.hexdigest()[:16]


def packages() -> dict[str, str | None]:
    """The version of Python ("python") and of each of `distributions`, None if it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in distributions()}}


@cache
def distributions() -> tuple[str, ...]:
    """The distributions that a score depends on, sorted: those of all modules that SCORING_MODULES import,
    inside functions too."""
    package = Path(telltale.__file__).parent
    files = {_module_name(path, package): path for path in package.rglob("*.py")}
    left = [name for name in files if name in SCORING_MODULES or name.startswith("models.")]
    seen: set[str] = set()
    third_party: set[str] = set()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            for target in _imports(files[name]):
                top, _, own = target.partition(".")
                if top != "telltale":
                    third_party.add(top)
                else:  # "decode.frames.read_frames" is in "decode.frames", and "decode" is run, too
                    parts = own.split(".")
                    prefixes = (".".join(parts[: n + 1]) for n in range(len(parts)))
                    left += [prefix for prefix in prefixes if prefix in files]
    third_party -= IRRELEVANT | set(sys.stdlib_module_names)
    return tuple(sorted(DISTRIBUTION_NAMES.get(name, name) for name in third_party))


def _module_name(path: Path, package: Path) -> str:
    """A module's name inside the package, such as "decode.frames" or "models"."""
    return ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Full names of what a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """What this process computes on. What is not known is None.

    system, architecture, cpu: names.
    vector: the instruction set that torch's CPU kernels were chosen for: "AVX2", "AVX512" or "DEFAULT".
    cores: that this process may use.
    threads: of torch.
    gpu: the name of the current CUDA device.

    vector, threads and gpu are None unless torch has been imported.
    """
    torch = sys.modules.get("torch")
    imported = torch is not None and hasattr(torch, "get_num_threads")  # it may be half imported
    has_gpu = torch is not None and imported and torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": cpu_name(),
        "vector": torch.backends.cpu.get_cpu_capability() if torch is not None and imported else None,
        "cores": threads.cores(),
        "threads": torch.get_num_threads() if torch is not None and imported else None,
        "gpu": torch.cuda.get_device_name() if torch is not None and has_gpu else None,
    }


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The processor's name by the kernel, else by Python; None if neither knows it."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    except OSError:
        pass
    return platform.processor() or None


def utc_date() -> str:
    """The date and time in UTC as ISO 8601, to the second: "2026-11-21T10:07:06+00:00"."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def record() -> dict[str, Any]:
    """{"date", "code", "packages", "machine"} of this process, of JSON's types."""
    return {"date": utc_date(), "code": code(), "packages": packages(), "machine": machine()}


def differences(other: Mapping[str, Any], this: Mapping[str, Any] | None = None) -> list[str]:
    """A sentence for each difference in code and packages, such as "torch 2.15.0 there, 2.14.0 here".

    other: a `record` made elsewhere, or any mapping with its "code" and "packages".
    this: the record to compare with, default this process's.

    Only packages that both name are compared: a record of an older version may name some that no score
        depends on.
    Machines are compared by `machine_differences`.
    """
    this = {"code": code(), "packages": packages()} if this is None else this
    sentences = []
    if other.get("code") != this.get("code"):
        sentences.append(_difference("telltale", other.get("code"), this.get("code")))
    others, ours = other.get("packages") or {}, this.get("packages") or {}
    names = [name for name in others if name in ours and others[name] != ours[name]]
    return sentences + [_difference(name, others[name], ours[name]) for name in names]


def machine_differences(other: Mapping[str, Any], this: Mapping[str, Any] | None = None) -> list[str]:
    """The same of the two machines. It is no failure, but a reason why the last digits of a score may
    differ."""
    others = other.get("machine") or {}
    ours = (machine() if this is None else this.get("machine")) or {}
    return [
        _difference(name, others[name], ours.get(name)) for name in others if others[name] != ours.get(name)
    ]


def _difference(name: str, other: Any, this: Any) -> str:
    first, second = ("none" if value is None else value for value in (other, this))
    return f"{name} {first} there, {second} here"
