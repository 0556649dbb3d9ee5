"""The folder of one study. Each step's result is kept there, so the same command continues where it stopped.

study = StudyFolder(Path("out"), "unseen", {"data": "...", "seeds": [1, 2, 3]})
value = study.step("clusters", lambda: expensive())         # computed once, then read
study.table("results", frame)                               # out/results.csv
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale.errors import InputError
from telltale.files import cannot_write, fingerprint, read_json, read_mapping, write_text
from telltale.runtime import environment

if TYPE_CHECKING:
    import pandas as pd

ABOUT = "study.json"


class StudyFolder:
    """The folder of a study, made if it does not exist.

    path: the folder
    command: the study, such as "unseen"
    about: all that its results depend on, of JSON's types; paths as text

    Raises InputError if the folder holds other files than a study's, or a study of another `about`.
    """

    def __init__(self, path: Path, command: str, about: Mapping[str, Any]) -> None:
        self.path = path
        tree = {"command": f"study {command}", "about": dict(about)}
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path / ABOUT, error) from None
        before = read_mapping(path / ABOUT)
        if before is None and any(path.iterdir()):
            raise InputError(f"{path}: is not empty and holds no study; give another --out")
        if before is not None:
            self._require_same(before, tree)
        else:
            # Written once: whoever continues the study with other code sees which code began it.
            record = {**tree, "began": environment.record()}
            write_text(path / ABOUT, json.dumps(record, indent=2, ensure_ascii=False) + "\n")

    def _require_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        if before.get("command") != now["command"]:
            raise InputError(f"{self.path}: holds a {before.get('command')}; give another --out")
        then, asked = before.get("about", {}), now["about"]
        # By fingerprint: what was read from the file has lists where `about` may have tuples.
        keys = sorted({*then, *asked})
        changed = [key for key in keys if fingerprint(then.get(key)) != fingerprint(asked.get(key))]
        if changed:
            key = changed[0]
            raise InputError(
                f"{self.path}: was begun with {key}={_shown(then.get(key))}, now it is "
                f"{_shown(asked.get(key))}; continue with the same, or give another --out"
            )

    def step(self, name: str, make: Callable[[], Any], of: Any = None) -> Any:
        """The result of `make()`, of JSON's types: from steps/NAME.json if it is there, else made and kept.

        of: what the result depends on besides the study's `about`, of JSON's types; another value makes it
        anew. Floats come back bit for bit.
        """
        path, key = self.path / "steps" / f"{name}.json", fingerprint(of)
        kept = read_mapping(path) if path.exists() else None
        if kept is None or kept.get("of") != key:
            path.parent.mkdir(exist_ok=True)
            kept = {"of": key, "result": make()}
            write_text(path, json.dumps(kept, ensure_ascii=False) + "\n")
        return read_json(path, "a step of a study")["result"]

    def table(self, name: str, table: "pd.DataFrame") -> Path:
        """Write NAME.csv, without the index; return its path. Numbers are written with all their digits."""
        path = self.path / f"{name}.csv"
        write_text(path, table.to_csv(index=False, lineterminator="\n"))
        return path


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
