"""Where a prediction's time went: in this process by what it did, in the workers by the steps of reading a
clip.

    profile = Profile()
    profile.decoded(batch.infos)
    profile.did("model")
    print(profile.table())
"""

import json
import time
from pathlib import Path
from typing import Any

from telltale import STARTED
from telltale.data.batch import SampleInfo
from telltale.files import write_text

# What the main process does, and what a worker does for a clip.
MAIN = ("start-up", "waiting for clips", "model", "writing")
PARTS = ("open", "picture", "sound", "store", "prepare", "mel")


class Profile:
    """Sums of seconds since the program began.

    main: of the main process, by what it did
    parts: of the workers, by step of reading a clip
    start_up_seconds: until the first batch was decoded, None before that
    ready_seconds: until the model had the first batch, None before that
    """

    def __init__(self) -> None:
        self.main = dict.fromkeys(MAIN, 0.0)
        self.parts = dict.fromkeys(PARTS, 0.0)
        self.clips = self.bytes = 0
        self.start_up_seconds: float | None = None
        self.ready_seconds: float | None = None
        self._clock = STARTED

    def decoded(self, infos: list[SampleInfo]) -> None:
        """Count a batch that the loader has just given."""
        first = self.start_up_seconds is None
        self.did("start-up" if first else "waiting for clips")
        if first:
            self.ready_seconds = self._clock - STARTED
            self.start_up_seconds = max((info.cost.done_at for info in infos), default=self._clock) - STARTED
        self.clips += len(infos)
        for info in infos:
            cost = info.cost
            self.bytes += cost.bytes
            for name in PARTS:
                self.parts[name] += getattr(cost, f"{name}_seconds")

    def did(self, name: str) -> None:
        """Add the seconds since the last call to `name`, one of `MAIN`."""
        now = time.perf_counter()
        self.main[name] += now - self._clock
        self._clock = now

    def summary(self) -> dict[str, Any]:
        """All numbers, for a JSON file: seconds of the main process, milliseconds and bytes of one clip."""
        wall, clips = self._clock - STARTED, max(self.clips, 1)
        after = wall - (self.ready_seconds or 0.0)
        return {
            "clips": self.clips,
            "wall_seconds": wall,
            "start_up_seconds": self.start_up_seconds,
            "ready_seconds": self.ready_seconds,
            "clips_per_second": self.clips / after if after > 0 else None,
            "main_seconds": self.main,
            "clip_milliseconds": {name: 1e3 * seconds / clips for name, seconds in self.parts.items()},
            "bytes_per_clip": self.bytes / clips,
        }

    def table(self) -> str:
        """The summary as lines to print."""
        summary = self.summary()
        rate = summary["clips_per_second"]
        lines = [
            f"{self.clips} clips in {summary['wall_seconds']:.1f} s"
            + (f", {rate:.1f} a second after start-up" if rate else "")
        ]
        if self.start_up_seconds is not None:
            lines[0] += f"; the first batch was decoded after {self.start_up_seconds:.1f} s"
        lines += ["", "main process                 s   share"]
        lines += [
            f"  {name:22} {spent:7.2f}  {spent / summary['wall_seconds']:5.0%}"
            for name, spent in self.main.items()
        ]
        lines += ["", "a clip, in its worker       ms"]
        lines += [f"  {name:22} {spent:7.2f}" for name, spent in summary["clip_milliseconds"].items()]
        return "\n".join([*lines, f"  {'bytes read':22} {summary['bytes_per_clip']:7.0f}"])

    def write(self, path: Path) -> None:
        write_text(path, json.dumps(self.summary(), indent=1) + "\n")
