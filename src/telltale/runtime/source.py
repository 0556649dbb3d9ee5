"""The source checkout, and the copy of it in an installed package: configs, tests, documents, the image's
recipe.

    source.path("configs")            # the folder in the checkout, or in the package's copy
    source.copy(Path("source"))       # all of it with src/, for a bundle; setup.py calls `carry` for a wheel

Imports nothing but Python's own modules: setup.py imports it when nothing is installed.
"""

import shutil
from pathlib import Path

from telltale.errors import InputError

PACKAGE = Path(__file__).resolve().parent.parent
# The folder in an installed package with the copy of what is beside src/ in a checkout.
CARRIED = "checkout"
# What the wheel and the image are made of: the program, its locks and its recipe.
FILES = (
    *(
        "configs",
        "tests",
        "docs",
        "bench",
        "report",
        "train.py",
        "predict.py",
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
    ),
    *(
        "requirements.lock",
        "requirements-dev.lock",
        "Dockerfile",
        "docker-compose.yml",
        "docker-compose.gpu.yml",
    ),
    *(".dockerignore", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE"),
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", "*.pt", "*.mp4", "*.safetensors")


def checkout(package: Path = PACKAGE) -> Path | None:
    """The root of the source checkout that holds `package` as src/telltale; None if it is installed."""
    root = package.parent.parent
    return root if package.parent.name == "src" and (root / "pyproject.toml").is_file() else None


def path(name: str) -> Path:
    """A file or folder of FILES: in the checkout, or in the package's copy."""
    return (checkout() or PACKAGE / CARRIED) / name


def carry(root: Path, into: Path) -> None:
    """Copy FILES from the folder `root` into the folder `into`. Raises InputError if one is not there."""
    into.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (root / name).is_dir():
            shutil.copytree(root / name, into / name, ignore=LEFT_OUT, dirs_exist_ok=True)
        elif (root / name).is_file():
            shutil.copyfile(root / name, into / name)
        else:
            raise InputError(
                f"{root / name}: is not there; wanted telltale's source checkout, or an installation of its "
                "wheel"
            )


def copy(into: Path) -> None:
    """Write a source checkout to the folder `into`, from which the same program can be installed. Raises
    InputError as `carry` does."""
    carry(path(""), into)
    shutil.copytree(PACKAGE, into / "src" / "telltale", ignore=_ignored_in_package)


def _ignored_in_package(folder: str, names: list[str]) -> set[str]:
    carried = {CARRIED} if Path(folder) == PACKAGE else set()
    return carried | LEFT_OUT(folder, names)
