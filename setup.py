"""What pyproject.toml cannot say: a wheel carries along the files beside src/, so that `--config baseline`,
`telltale bundle` and the rest do in an installed package what they do in a checkout.
`telltale.runtime.source` lists them.
"""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from telltale.runtime import source  # noqa: E402


class BuildWithFiles(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:  # there the checkout itself is at hand
            source.carry(ROOT, Path(self.build_lib) / "telltale" / source.CARRIED)


setup(cmdclass={"build_py": BuildWithFiles})
