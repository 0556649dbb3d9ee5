"""The folder RUN of one training run: what it holds, when it may be written, and where an interrupted run goes on.

config.yaml  audit.json  best.pt  last.pt  history.csv  curves.png  validation_scores.csv  events.out.tfevents.*
"""

import csv
import io
from pathlib import Path
from typing import Any

from telltale import checkpoint, config
from telltale.errors import InputError
from telltale.place import Place

FILES = ("config.yaml", "audit.json", "best.pt", "last.pt", "history.csv", "curves.png", "validation_scores.csv")
EVENTS = "events.out.tfevents.*"

# What may differ between a run and its continuation: when the run ends or how fast it goes, not what a step does.
FREE = {
    "data.workers",
    "store.max_gb",
    "store.keep_free_gb",
    "store.shard_clips",
    "threads",
    "optim.epochs",
    "optim.patience",
    "optim.save_every",
}


def prepare(folder: Path, settings: config.Config, here: Place, *, resume: bool, force: bool) -> dict[str, Any] | None:
    """Make the folder ready to write; return `last.pt`'s content if a run goes on from there, else None.

    All processes call it, one looks. Raises InputError if the folder holds anything and neither flag was given, or if `resume`
    meets a run of other settings.
    """
    if here.main:
        _make_ready(folder, resume=resume, force=force)
    here.gather("the folder is ready")
    if resume and (folder / "last.pt").exists():
        state = checkpoint.load(folder / "last.pt")
        before, now = flatten(state["config"]), flatten(settings.model_dump(mode="json"))
        changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k) and k not in FREE)
        if changed:
            key = changed[0]
            raise InputError(
                f"{folder}: was trained with {key}={before.get(key)!r}, now it is {now.get(key)!r}"
                f"{f' (and {len(changed) - 1} more keys differ)' if len(changed) > 1 else ''};"
                " resume with the same settings, or give another --out"
            )
        return state
    return None


def _make_ready(folder: Path, *, resume: bool, force: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give an --out that can be written") from None
    if resume or not any(folder.iterdir()):
        return
    if not force:
        raise InputError(
            f"{folder}: is not empty; give --resume to go on with it, --force to replace the run, or another --out"
        )
    for path in [*(folder / name for name in FILES), *folder.glob(EVENTS)]:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """One row an epoch, columns in the order of the first row's keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{'optim': {'rate': 1}} → {'optim.rate': 1}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
