"""What training read: reads.csv lists every file that the run was given, reads.json holds the totals and what
was read beyond that list."""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from telltale import config
from telltale.competition.access import within
from telltale.config.detectors import SbiSettings
from telltale.data.folds import UNSEEN
from telltale.errors import InputError
from telltale.files import read_mapping, sha256, write_table, write_text
from telltale.models.start import START
from telltale.runtime.progress import each
from telltale.train.context import RunInputs

FORMAT = "telltale-reads-1"
FOLDERS = {UNSEEN: "train"}
HEADER = ("kind", "split", "path", "bytes", "sha256", "rows", "inside")


class TrainingReads:
    """The record of what one run reads, written to its folder whenever it changes.

    inputs: of the run; its store and its folder are the run's own
    settings: where labels and videos lie below the data folder
    given: (kind, path) of the files beside labels and videos, such as ("weights", PATH)
    digests: SHA-256 of files that may lie anywhere, such as weights in a cache

    `tree` is the content of reads.json. A resumed run keeps what its earlier parts recorded. If they recorded
    nothing, because an earlier version trained them, `tree["unwatched"]` is true.

    A file counts as inside if it lies below the data folder, below a folder of videos, or in the folder where
    it was named, after links are followed. Such a folder may itself be a link.
    """

    def __init__(
        self,
        inputs: RunInputs,
        settings: config.DataSettings,
        given: Sequence[tuple[str, Path]] = (),
        digests: Collection[str] = (),
    ) -> None:
        root, resumed = inputs.data, inputs.resumed is not None
        self.folder, self.splits = inputs.folder, inputs.splits
        self.digests = frozenset(digests)
        # What folds hold out lies in the folder of the training videos.
        self.videos = {
            split.split: root / getattr(settings, f"{FOLDERS.get(split.split, split.split)}_videos")
            for split in self.splits
        }
        labels = [
            (split.split, root / getattr(settings, f"{split.split}_labels"))
            for split in (inputs.train, inputs.validation)
        ]
        own = [inputs.folder] if inputs.store is None else [inputs.folder, inputs.store]
        self._own = [os.path.realpath(path) for path in own]
        named = [*(path for _, path in labels), *(path for _, path in given)]
        self._named = {os.path.realpath(path) for path in named}
        self._inside = [os.path.realpath(path) for path in (root, *self.videos.values())]
        before = (read_mapping(self.folder / "reads.json") if resumed else {}) or {}
        self.tree: dict[str, Any] = {
            "format": FORMAT,
            "complete": False,
            "unwatched": resumed and (not before or before.get("unwatched", True)),
            "data": str(root),
            "files": [self._file("labels", s, path, rows=self._count(s)) for s, path in labels]
            + [self._file(kind, "", path) for kind, path in given],
            "videos": {},
            "store": None if inputs.store is None else str(inputs.store),
            "beyond": before.get("beyond", []),
            "hosts": before.get("hosts", []),
            "forbidden": before.get("forbidden", []),
            "foreign": before.get("foreign", []),
        }
        self._list_videos()
        self._write()

    def _count(self, split: str) -> int:
        return sum(len(s.rows) + len(s.missing) + len(s.held_out) for s in self.splits if s.split == split)

    def _file(self, kind: str, split: str, path: Path, rows: int | None = None) -> dict[str, Any]:
        inside = within(os.path.realpath(path), [*self._inside, os.path.realpath(path.parent)])
        digest, size = sha256(path), path.stat().st_size
        return dict(zip(HEADER, (kind, split, str(path), size, digest, rows, inside), strict=True))

    def _list_videos(self) -> None:
        """Write reads.csv and put the totals of each split into the tree."""
        table: list[Sequence[Any]] = [HEADER]
        table += [[_field(value) for value in file.values()] for file in self.tree["files"]]
        for split in self.splits:
            total, outside = 0, []
            for row in each(split.rows, f"sizes of {split.split}", "file"):
                try:
                    size = row.path.stat().st_size
                except OSError:  # deleted since it was listed; reading it reports that
                    size = 0
                # A name in the split's folder lies in it, unless it is a link.
                inside = not row.path.is_symlink() or within(os.path.realpath(row.path), self._inside)
                outside += [] if inside else [row.video_name]
                total += size
                table.append(["video", split.split, str(row.path), size, "", "", _field(inside)])
            self.tree["videos"][split.split] = {
                "folder": str(self.videos[split.split]),
                "videos": len(split.rows),
                "bytes": total,
                "outside": outside,
            }
        write_table(self.folder / "reads.csv", table)

    def add(self, files: Iterable[str], hosts: Iterable[str]) -> bool:
        """Add absolute paths of files that were opened and hosts that were connected to.

        Returns whether any of them is new and not an input of the run; then reads.json is written."""
        recorded = {entry["path"] for entry in self.tree["beyond"]}
        unlisted = [_beyond(name) for name in sorted(set(files) - recorded) if not self._is_listed(name)]
        unlisted = [entry for entry in unlisted if entry["sha256"] not in self.digests]
        new_hosts = sorted(set(hosts) - set(self.tree["hosts"]))
        if unlisted or new_hosts:
            self.tree["beyond"] += unlisted
            self.tree["hosts"] += new_hosts
            self._write()
        return bool(unlisted or new_hosts)

    def _is_listed(self, name: str) -> bool:
        real, path = os.path.realpath(name), Path(name)
        if real in self._named or within(real, self._own):
            return True
        return path.name in self._video_names.get(os.path.realpath(path.parent), ())

    @cached_property
    def _video_names(self) -> dict[str, set[str]]:
        """The names of the listed videos by folder. Without workers the main process opens all of them."""
        names: dict[str, set[str]] = {}
        for split in self.splits:
            names.setdefault(os.path.realpath(self.videos[split.split]), set()).update(
                row.video_name for row in split.rows
            )
        return names

    def finish(self, forbidden: Iterable[str], foreign: Iterable[str]) -> None:
        """Complete the record: training is over.

        forbidden, foreign: top-level modules that were loaded, see `packages.third_party_modules`.
        """
        self.tree["forbidden"] = sorted({*self.tree["forbidden"], *forbidden})
        self.tree["foreign"] = sorted({*self.tree["foreign"], *foreign})
        self.tree["complete"] = True
        self._write()

    def _write(self) -> None:
        write_text(self.folder / "reads.json", json.dumps(self.tree, indent=2, ensure_ascii=False) + "\n")


def given_files(
    settings: config.Config, provenance: dict[str, dict[str, Any]], configs: Iterable[str]
) -> list[tuple[str, Path]]:
    """(kind, path) of the files beside labels and videos that a run is told to read: configurations,
    landmarks and weights, if they exist. Of a run that starts from a checkpoint this is the checkpoint alone:
    the weights that its towers began with are not read again.

    provenance: of the model, by tower; configs: files that the settings were read from.
    """
    named = [("config", Path(name)) for name in configs]
    assert isinstance(settings.objective, SbiSettings)
    if settings.objective.landmarks is not None:
        named.append(("landmarks", Path(settings.objective.landmarks)))
    if START in provenance:
        return [*_present(named), *_present([("checkpoint", Path(provenance[START]["path"]))])]
    weights = [Path(tower["path"]) for tower in provenance.values() if tower["source"] in ("file", "folder")]
    named += [("weights", path) for path in dict.fromkeys(weights)]
    if weights or settings.model.pretrained:
        from telltale.models import hub

        folders = dict.fromkeys((hub.folder(), *(path.parent for path in weights)))
        named += [("record of weights", folder / hub.RECORD) for folder in folders]
    return _present(named)


def _present(named: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
    # A missing file is reported by its own reader. A resumed run may no longer need it.
    return [(kind, path) for kind, path in named if path.is_file()]


def _beyond(name: str) -> dict[str, Any]:
    try:
        return {"path": name, "bytes": Path(name).stat().st_size, "sha256": sha256(Path(name))}
    except (OSError, InputError):
        return {"path": name, "bytes": None, "sha256": None}


def _field(value: Any) -> Any:
    return "" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
