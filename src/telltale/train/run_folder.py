"""The folder RUN of one training run: what it holds, when it may be written, and how an interrupted run
continues in it.

config.yaml  environment.json  audit.json  reads.csv  reads.json  best.pt  last.pt  history.csv  curves.png
validation_scores.csv  validation_scores.json  events.out.tfevents.*
with folds: unseen_scores.csv  unseen_scores.json
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale import config
from telltale.config.affects import Affects
from telltale.config.keys import affecting
from telltale.errors import InputError
from telltale.files import read_mapping, write_text
from telltale.models import checkpoint
from telltale.runtime import environment

if TYPE_CHECKING:
    from telltale.runtime.distributed import Process

FILES = (
    *("config.yaml", "environment.json", "audit.json", "reads.csv", "reads.json", "best.pt", "last.pt"),
    *("history.csv", "curves.png", "validation_scores.csv", "validation_scores.json"),
    *("unseen_scores.csv", "unseen_scores.json"),
)
EVENTS = "events.out.tfevents.*"

# Keys that may differ between a run and its continuation: they say when the run ends or how fast it goes,
# not what a step does. The number of epochs may change only if no step so far would have had another learning
# rate.
FREE = affecting(Affects.SPEED, Affects.ROUNDING, Affects.LENGTH)


def prepare(
    folder: Path, settings: config.Config, process: "Process", *, resume: bool, force: bool
) -> dict[str, Any] | None:
    """Make the folder ready to write; return the content of `last.pt` if a run is to continue, else None.

    All processes call it and get what the main process read: other machines may not see the folder. Raises
    InputError if the folder is not empty and neither flag is given, or if `resume` meets a run of other
    settings.
    """

    def in_main() -> dict[str, Any] | None:
        _make_ready(folder, resume=resume, force=force)
        return _last_state(folder, settings) if resume else None

    return process.on_main(in_main)


def _make_ready(folder: Path, *, resume: bool, force: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}); give an --out that can be written"
        ) from None
    if resume or not any(folder.iterdir()):
        return
    if not force:
        raise InputError(
            f"{folder}: is not empty; give --resume to go on with it, --force to replace the run, or "
            "another --out"
        )
    for path in [*(folder / name for name in FILES), *folder.glob(EVENTS)]:
        path.unlink(missing_ok=True)


def _last_state(folder: Path, settings: config.Config) -> dict[str, Any] | None:
    """The content of last.pt, None if there is none. Raises InputError if its settings are not these."""
    path = folder / "last.pt"
    if not path.exists():
        return None
    state = checkpoint.load(path)
    # Through the schema: a key that is newer than the run gets its default.
    earlier = config.parse(state["config"], str(path))
    before = config.flatten(earlier.model_dump(mode="json"))
    after = config.flatten(settings.model_dump(mode="json"))
    keys = sorted((before.keys() | after.keys()) - FREE)
    changed = [key for key in keys if before.get(key) != after.get(key)]
    if changed:
        key = changed[0]
        others = f" (and {len(changed) - 1} more keys differ)" if len(changed) > 1 else ""
        raise InputError(
            f"{folder}: was trained with {key}={before.get(key)!r}, now it is {after.get(key)!r}{others};"
            f" resume with the same settings (--set {key}={json.dumps(before.get(key))}), or give another "
            "--out"
        )
    if _rates_differ(earlier.optim, settings.optim, state):
        raise InputError(
            f"{folder}: was trained with optim.epochs={earlier.optim.epochs}, now it is "
            f"{settings.optim.epochs}; by schedule '{earlier.optim.schedule}' steps that are done would have "
            "had other learning rates; resume with the same number, or give another --out (schedules "
            "'constant' and 'step' can be given more epochs)"
        )
    return state


def _rates_differ(before: config.OptimSettings, after: config.OptimSettings, state: dict[str, Any]) -> bool:
    """Whether any step done so far would have had another learning rate with the settings `after`."""
    if before.epochs == after.epochs:
        return False
    from telltale.train import optim

    epoch, step = state["progress"]["epoch"], state["progress"]["step"]
    # Earlier versions did not save `steps_per_epoch`. Any length shows whether rates depend on the epochs.
    steps = state.get("steps_per_epoch") or max(1000, step + 1)
    done = range(epoch * steps + step)
    return any(optim.rate_at(before, at, steps) != optim.rate_at(after, at, steps) for at in done)


def write_environment(folder: Path, world: int, *, resumed: bool) -> None:
    """Write environment.json: `environment.record()` of this process and `world`, the number of
    processes. A resumed run keeps the first entry and adds its own to the list "resumed"."""
    path, entry = folder / "environment.json", {**environment.record(), "world": world}
    tree: dict[str, Any] = {**entry, "resumed": []}
    if resumed:
        # Earlier versions wrote no such file: where the run began is unknown then.
        before = read_mapping(path) or {"date": None, "code": None, "packages": {}, "machine": {}}
        tree = {**before, "resumed": [*before.get("resumed", []), entry]}
    write_text(path, json.dumps(tree, indent=2, ensure_ascii=False) + "\n")


def worlds(folder: Path) -> tuple[int, ...]:
    """The numbers of processes that trained the run in `folder`, in their order, each once; (1,) if the run
    does not say, as runs of earlier versions."""
    tree = read_mapping(folder / "environment.json") or {}
    numbers = [part.get("world") for part in (tree, *tree.get("resumed", []))]
    return tuple(dict.fromkeys(number for number in numbers if isinstance(number, int))) or (1,)
