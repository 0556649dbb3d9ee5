"""`ClipStore`: decoded spans of clips on disk, so that every span is decoded once.

    store = ClipStore(Path("/fast/store"), spec, settings.store)
    stored = store.get(path, 0.5)          # None: decode it, then
    store.put(path, 0.5, StoredClip(1.0, frames, wave, "ok", 6.0))

The key of a span is the hash of the file's bytes, the fingerprint of how it is decoded (`spec`), and the
span's position in the clip. So files of the same bytes share an entry whatever their names are, and a file
that was replaced gets a new entry.

The hash of a file is remembered by the file's path, size, time of change and inode: a warm read does not
touch the video. That trusts that whoever changes a file's bytes changes one of these four.
"""

import json
import multiprocessing
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale import config
from telltale.data.shards import EntryKey, PackedFiles
from telltale.decode.frames import Frames, decode_jpegs
from telltale.decode.sound import Wave
from telltale.errors import InputError
from telltale.files import fingerprint

# Part of the key. It is raised when decoding changes, or what is kept of it: entries of an older Telltale are
# then not found, and the clips are decoded again. 2: frames and sound have their times.
FORMAT = 2
# Which telltale reads the entries of an earlier format.
EARLIER = {1: "telltale at commit 5c04058"}
_ALIGN = 64


@dataclass(frozen=True)
class StoredClip:
    """One span of a clip as it was decoded. Arrays that come from a store are read-only.

    start_seconds: the start of the span, in seconds after the clip's first frame.
    status: what came of reading the span, see `telltale.status`.
    seconds: the length of the whole clip.
    """

    start_seconds: float
    frames: Frames | None
    wave: Wave | None
    status: str
    seconds: float


def spec_fingerprint(spec: dict[str, Any]) -> str:
    """16 hex digits of how clips are decoded."""
    return fingerprint([FORMAT, spec])


class ClipStore:
    """The spans in the store at `folder` that were decoded in one way. Many processes and runs may share a
    store.

    spec: how clips are decoded, of JSON's types.
    settings: how large the store may grow.
    required: True: a span that cannot be kept raises. False: nothing more is kept from then on, and one of
        the processes that share this object by a fork says so on stderr.

    Hits and misses are counted in this process. Raises InputError if the folder cannot be used.
    """

    def __init__(
        self, folder: Path, spec: dict[str, Any], settings: config.StoreSettings, *, required: bool = True
    ) -> None:
        self.spec, self.required, self.keeps = spec_fingerprint(spec), required, True
        # The process that acquires it prints the message. It is never released, so no process waits for it if
        # that one is killed.
        self._unsaid = multiprocessing.get_context("fork").Semaphore(1)
        self.packed = PackedFiles(
            folder,
            max_bytes=settings.max_gb * 1e9,
            keep_free_bytes=settings.keep_free_gb * 1e9,
            per_shard=settings.shard_clips,
        )
        self.packed.index.describe(self.spec, json.dumps({"format": FORMAT, **spec}, sort_keys=True))
        self.packed.close()
        self.hits = self.misses = 0

    def get(self, path: Path, position: float) -> StoredClip | None:
        """The span at `position` of a file, None if it is not kept or the file cannot be read."""
        try:
            data = self.packed.get(self._key(path, position))
        except OSError:
            data = None
        stored = None if data is None else unpack(data)
        self.hits, self.misses = self.hits + (stored is not None), self.misses + (stored is None)
        return stored

    def put(self, path: Path, position: float, stored: StoredClip, jpegs: list[bytes] | None = None) -> None:
        """Keep a span. jpegs: the JPEG files that its frames were decoded from, which are then kept instead
        of pixels.

        Raises InputError if there is no room or nothing can be written, and the store is `required`.
        """
        if not self.keeps:
            return
        try:
            self.packed.put(self._key(path, position), pack(stored, jpegs))
        except InputError as error:
            if self.required:
                raise
            self.keeps = False
            if self._unsaid.acquire(block=False):
                print(f"{error}; going on without keeping more", file=sys.stderr, flush=True)

    def lacks(self, spans: int, span_bytes: float) -> str | None:
        """A sentence if so many spans of this spec, with those that are kept already, will not fit; else
        None."""
        missing = max(spans - self.packed.index.count(self.spec), 0) * span_bytes
        free_bytes = self.packed.free_bytes()
        if missing <= free_bytes:
            return None
        return (
            f"--store {self.packed.folder}: about {missing / 1e9:.2f} GB more will be wanted and there is "
            f"room for {max(free_bytes, 0) / 1e9:.2f} GB (store.max_gb, store.keep_free_gb): what does not "
            "fit will be decoded each time"
        )

    def unread(self) -> str | None:
        """A sentence if the store holds entries of another format, which this telltale never finds; else
        None."""
        described = [(spec, json.loads(text), count) for spec, text, count in self.packed.index.decodings()]
        others = [(spec, tree.get("format", 1), count) for spec, tree, count in described]
        others = [one for one in others if one[1] != FORMAT]
        if not others:
            return None
        formats = sorted({number for _, number, _ in others})
        readers = ", ".join(f"{n} ({EARLIER.get(n, 'a newer telltale')} reads it)" for n in formats)
        specs = " ".join(f"--spec {spec}" for spec, _, _ in others)
        return (
            f"--store {self.packed.folder}: {sum(count for _, _, count in others):,} of its entries are of "
            f"format {readers}, not {FORMAT}: their clips are decoded anew; telltale cache prune {specs} "
            "frees their space"
        )

    def close(self) -> None:
        self.packed.close()

    def _key(self, path: Path, position: float) -> EntryKey:
        return EntryKey(self.spec, self.packed.index.content(path), repr(float(position)))


def pack(stored: StoredClip, jpegs: list[bytes] | None = None) -> list[Any]:
    """A span as buffers: the length of the head, the head, the samples, the pixels (or `jpegs` instead).

    The head is JSON. It is padded so that the arrays behind it are aligned.
    """
    frames, wave = stored.frames, stored.wave
    head: dict[str, Any] = {
        "start_seconds": stored.start_seconds,
        "status": stored.status,
        "seconds": stored.seconds,
    }
    body: list[Any] = []
    if wave is not None:
        head["wave"] = {
            "samples": len(wave.samples),
            "rate_hz": wave.rate_hz,
            "start_seconds": wave.start_seconds,
            "partial": wave.partial,
        }
        body.append(np.ascontiguousarray(wave.samples).data)
    if frames is not None:
        head["frames"] = {
            "seconds": frames.seconds.tolist(),
            "partial": frames.partial,
            "shape": frames.pixels.shape,
            "jpegs": None if jpegs is None else [len(data) for data in jpegs],
        }
        body += [np.ascontiguousarray(frames.pixels).data] if jpegs is None else jpegs
    text = json.dumps(head).encode()
    text += b" " * (-(len(text) + 4) % _ALIGN)
    return [len(text).to_bytes(4, "big"), text, *body]


def unpack(data: bytes) -> StoredClip:
    """The span in the joined buffers of `pack`. Its arrays share memory with `data`, except frames out of
    JPEGs."""
    at = 4 + int.from_bytes(data[:4], "big")
    head = json.loads(data[4:at])
    frames = wave = None
    if (sound := head.get("wave")) is not None:
        samples = np.frombuffer(data, np.float32, sound["samples"], at)
        wave = Wave(samples, sound["rate_hz"], sound["start_seconds"], sound["partial"])
        at += samples.nbytes
    if (picture := head.get("frames")) is not None:
        if picture["jpegs"] is None:
            pixels = np.frombuffer(data, np.uint8, offset=at).reshape(picture["shape"])
        else:
            ends = at + np.cumsum(picture["jpegs"])
            sizes = zip(ends.tolist(), picture["jpegs"], strict=True)
            pixels = decode_jpegs([data[end - size : end] for end, size in sizes])
        frames = Frames(pixels, np.array(picture["seconds"]), picture["partial"])
    return StoredClip(head["start_seconds"], frames, wave, head["status"], head["seconds"])
