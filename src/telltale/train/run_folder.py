"""The folder RUN of one training run: what it holds, when it may be written, and where an interrupted run
goes on.

config.yaml  environment.json  audit.json  reads.csv  reads.json  best.pt  last.pt  history.csv  curves.png
validation_scores.csv  validation_scores.json  events.out.tfevents.*
"""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale import config
from telltale.competition.access import within
from telltale.data.manifest import Manifest
from telltale.errors import InputError
from telltale.files import read_mapping, sha256, write_table, write_text
from telltale.models import checkpoint
from telltale.runtime import environment
from telltale.runtime.progress import each

if TYPE_CHECKING:
    from telltale.runtime.distributed import Process

FILES = (
    *("config.yaml", "environment.json", "audit.json", "reads.csv", "reads.json", "best.pt", "last.pt"),
    *("history.csv", "curves.png", "validation_scores.csv", "validation_scores.json"),
)
READS_FORMAT = "telltale-reads-1"
READS_HEADER = ("kind", "split", "path", "bytes", "sha256", "rows", "inside")
EVENTS = "events.out.tfevents.*"

# What may differ between a run and its continuation: when the run ends or how fast it goes, not what a step
# does. The number of epochs may where the learning rates of the steps done do not depend on it.
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


def prepare(
    folder: Path, settings: config.Config, process: "Process", *, resume: bool, force: bool
) -> dict[str, Any] | None:
    """Make the folder ready to write; return `last.pt`'s content if a run goes on from there, else None.

    All processes call it and get what the main one found: other machines may not see the folder. Raises
    InputError if the folder holds anything and neither flag was given, or if `resume` meets a run of other
    settings.
    """
    return process.on_main(lambda: _found(folder, settings, resume=resume, force=force))


def _found(folder: Path, settings: config.Config, *, resume: bool, force: bool) -> dict[str, Any] | None:
    _make_ready(folder, resume=resume, force=force)
    if not resume or not (folder / "last.pt").exists():
        return None
    state = checkpoint.load(folder / "last.pt")
    # Through the schema: a key that is newer than the run has its default there.
    then = config.parse(state["config"], str(folder / "last.pt"))
    before, now = (
        config.flatten(then.model_dump(mode="json")),
        config.flatten(settings.model_dump(mode="json")),
    )
    changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k) and k not in FREE)
    if changed:
        key = changed[0]
        raise InputError(
            f"{folder}: was trained with {key}={before.get(key)!r}, now it is {now.get(key)!r}"
            f"{f' (and {len(changed) - 1} more keys differ)' if len(changed) > 1 else ''};"
            f" resume with the same settings (--set {key}={json.dumps(before.get(key))}), or give another "
            "--out"
        )
    if _rates_differ(then.optim, settings.optim, state):
        raise InputError(
            f"{folder}: was trained with optim.epochs={then.optim.epochs}, now it is "
            f"{settings.optim.epochs}; by schedule"
            f" '{then.optim.schedule}' steps that are done would have had other learning rates; resume with "
            "the same number,"
            " or give another --out (schedules 'constant' and 'step' can be given more epochs)"
        )
    return state


def _rates_differ(then: config.OptimSettings, now: config.OptimSettings, state: dict[str, Any]) -> bool:
    """Whether any step done so far would have had another learning rate."""
    if then.epochs == now.epochs:
        return False
    from telltale.train import optim

    epoch, step = state["progress"]["epoch"], state["progress"]["step"]
    # A state of before its length was kept: any length shows whether rates depend on the number of epochs.
    steps = state.get("steps_per_epoch") or max(1000, step + 1)
    return any(
        optim.rate_at(then, at, steps) != optim.rate_at(now, at, steps) for at in range(epoch * steps + step)
    )


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


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """One row an epoch, columns in the order of the first row's keys."""
    columns = list(history[0])
    write_table(path, [columns, *([row[column] for column in columns] for row in history)])


def write_environment(folder: Path, world: int, *, resumed: bool) -> None:
    """environment.json: `versions.environment` of this process and `world`, the number of processes; a
    resumed run keeps the first and adds to its "resumed"."""
    path, now = folder / "environment.json", {**environment.environment(), "world": world}
    tree: dict[str, Any] = {**now, "resumed": []}
    if resumed:
        # A run of before this file was written began somewhere that nobody knows any more.
        before = read_mapping(path) or {"date": None, "code": None, "packages": {}, "machine": {}}
        tree = {**before, "resumed": [*before.get("resumed", []), now]}
    write_text(path, json.dumps(tree, indent=2, ensure_ascii=False) + "\n")


def worlds(folder: Path) -> tuple[int, ...]:
    """The numbers of processes that trained the run in `folder`, in their order; a run of before they were
    kept says one."""
    tree = read_mapping(folder / "environment.json") or {}
    found = [part.get("world") for part in (tree, *tree.get("resumed", []))]
    return tuple(dict.fromkeys(number for number in found if isinstance(number, int))) or (1,)


class Reads:
    """What training read: every file that it was given in reads.csv, and in reads.json the totals and what
    was seen beyond.

    given: (kind, path) of the files beside labels and videos, such as ("weights", PATH). digests: SHA-256 of
    files that may lie anywhere, such as weights in a cache. free: folders that are the run's own, its store
    for one. With `resumed` what the run's earlier parts saw is kept; where they saw nothing, because there
    was no such record yet, `tree["unwatched"]` is true.

    Inside means: below the data folder, below one of the folders of videos, or beside where a file was named,
    once links are followed. Such a folder may itself be a link.
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        settings: config.DataSettings,
        splits: Sequence[Manifest],
        given: Sequence[tuple[str, Path]] = (),
        *,
        digests: Collection[str] = (),
        free: Sequence[Path] = (),
        resumed: bool = False,
    ) -> None:
        self.folder, self.splits, self.digests = folder, splits, frozenset(digests)
        self.videos = {split.split: root / getattr(settings, f"{split.split}_videos") for split in splits}
        labels = [(split.split, root / getattr(settings, f"{split.split}_labels")) for split in splits]
        self._free = [os.path.realpath(path) for path in (folder, *free)]
        named = [*(path for _, path in labels), *(path for _, path in given)]
        self._known = {os.path.realpath(path) for path in named}
        self._inside = [os.path.realpath(path) for path in (root, *self.videos.values())]
        before = (read_mapping(folder / "reads.json") if resumed else {}) or {}
        self.tree: dict[str, Any] = {
            "format": READS_FORMAT,
            "complete": False,
            "unwatched": resumed and (not before or before.get("unwatched", True)),
            "data": str(root),
            "files": [self._file("labels", s, path, rows=self._count(s)) for s, path in labels]
            + [self._file(kind, "", path) for kind, path in given],
            "videos": {},
            "store": next((str(path) for path in free), None),
            "beyond": before.get("beyond", []),
            "hosts": before.get("hosts", []),
            "forbidden": before.get("forbidden", []),
            "foreign": before.get("foreign", []),
        }
        self._list_videos()
        self._write()

    def _count(self, split: str) -> int:
        return sum(len(s.rows) + len(s.missing) for s in self.splits if s.split == split)

    def _file(self, kind: str, split: str, path: Path, rows: int | None = None) -> dict[str, Any]:
        inside = within(os.path.realpath(path), [*self._inside, os.path.realpath(path.parent)])
        digest, size = sha256(path), path.stat().st_size
        return dict(zip(READS_HEADER, (kind, split, str(path), size, digest, rows, inside), strict=True))

    def _list_videos(self) -> None:
        """reads.csv, and the totals of each split."""
        table: list[Sequence[Any]] = [READS_HEADER]
        table += [[_field(value) for value in file.values()] for file in self.tree["files"]]
        for split in self.splits:
            total, outside = 0, []
            for row in each(split.rows, f"sizes of {split.split}", "file"):
                try:
                    size = row.path.stat().st_size
                except OSError:  # gone since it was listed; the loop will say so
                    size = 0
                # A name in the split's folder lies in it, unless it is a link.
                inside = not row.path.is_symlink() or within(os.path.realpath(row.path), self._inside)
                outside += [] if inside else [row.video_name]
                total += size
                table.append(["video", split.split, str(row.path), size, "", "", _field(inside)])
            counts = {
                "folder": str(self.videos[split.split]),
                "videos": len(split.rows),
                "bytes": total,
                "outside": outside,
            }
            self.tree["videos"][split.split] = counts
        write_table(self.folder / "reads.csv", table)

    def note(self, files: Iterable[str], hosts: Iterable[str]) -> bool:
        """Add what was seen, absolute paths of files opened and hosts; write it down, and say so, if any of
        it is new."""
        known = {entry["path"] for entry in self.tree["beyond"]}
        more = [self._beyond(name) for name in sorted(set(files) - known) if not self._accounted(name)]
        more = [entry for entry in more if entry["sha256"] not in self.digests]
        new = sorted(set(hosts) - set(self.tree["hosts"]))
        if more or new:
            self.tree["beyond"] += more
            self.tree["hosts"] += new
            self._write()
        return bool(more or new)

    def _accounted(self, name: str) -> bool:
        real, path = os.path.realpath(name), Path(name)
        if real in self._known or within(real, self._free):
            return True
        return path.name in self._names.get(os.path.realpath(path.parent), ())

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        """The names of the listed videos by folder; without workers the main process opens every one of
        them."""
        names: dict[str, set[str]] = {}
        for split in self.splits:
            names.setdefault(os.path.realpath(self.videos[split.split]), set()).update(
                row.video_name for row in split.rows
            )
        return names

    def _beyond(self, name: str) -> dict[str, Any]:
        try:
            return {"path": name, "bytes": Path(name).stat().st_size, "sha256": sha256(Path(name))}
        except (OSError, InputError):
            return {"path": name, "bytes": None, "sha256": None}

    def finish(self, forbidden: Iterable[str], foreign: Iterable[str]) -> None:
        """Training is over: add the top-level modules that it had loaded beyond telltale's requirements; all
        is known now."""
        self.tree["forbidden"] = sorted({*self.tree["forbidden"], *forbidden})
        self.tree["foreign"] = sorted({*self.tree["foreign"], *foreign})
        self.tree["complete"] = True
        self._write()

    def _write(self) -> None:
        write_text(self.folder / "reads.json", json.dumps(self.tree, indent=2, ensure_ascii=False) + "\n")


def _field(value: Any) -> Any:
    return "" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
