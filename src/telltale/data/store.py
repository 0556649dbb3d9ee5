"""The decode-once store: what reading a span of a clip gave, kept by what fixes it, so that an epoch decodes
nothing twice.

    store = Store(Path("/fast/store"), spec, settings.store)
    entry = store.get(path, 0.5)          # None: read it, then
    store.put(path, 0.5, Entry(1.0, frames, wave, "ok", 6.0))

An entry's key is the hash of the file's bytes, the fingerprint of how it is decoded, and the span's place in
the clip. So files of the same bytes share an entry whatever their names, and a file that was replaced gets a
new one. The hash of a file is remembered by its path, size, time of change and inode: a warm read does not
read the video at all. That trusts that whoever changes a file's bytes changes one of these.
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

# Raised when decoding or what is kept of it changes: what an older Telltale stored is then not found, and
# read anew. 2: frames and sound with their times.
FORMAT = 2
# Which telltale reads the entries of an earlier format.
EARLIER = {1: "telltale at commit 5c04058"}
_ALIGN = 64


@dataclass(frozen=True)
class StoredClip:
    """One span of a clip, from `start_seconds` on; `seconds` is the length of the whole clip.

    Arrays from a store cannot be written to.
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
    """The entries of one way to decode (`spec`) in the store at `folder`. hits, misses, failures: counted in
    this process.

    required: raise if a span cannot be kept; else go on without keeping, which the processes that share the
    store from a fork on say once. Any number of processes and runs may share a store. Raises InputError where
    the folder cannot be used.
    """

    def __init__(
        self, folder: Path, spec: dict[str, Any], settings: config.StoreSettings, *, required: bool = True
    ) -> None:
        self.spec, self.required, self.keeps = spec_fingerprint(spec), required, True
        # Taken by the first process that says it, and never given back: nothing waits for it if that process
        # is killed.
        self._unsaid = multiprocessing.get_context("fork").Semaphore(1)
        self.packed = PackedFiles(
            folder,
            max_bytes=settings.max_gb * 1e9,
            keep_free_bytes=settings.keep_free_gb * 1e9,
            per_shard=settings.shard_clips,
        )
        self.packed.describe(self.spec, json.dumps({"format": FORMAT, **spec}, sort_keys=True))
        self.packed.close()
        self.hits = self.misses = self.failures = 0

    def get(self, path: Path, place: float) -> StoredClip | None:
        """What is kept of a span; None where nothing is. A file that cannot be read has nothing kept."""
        try:
            data = self.packed.get(self._key(path, place))
        except OSError:
            data = None
        entry = None if data is None else unpack(data)
        self.hits, self.misses = self.hits + (entry is not None), self.misses + (entry is None)
        return entry

    def put(self, path: Path, place: float, entry: StoredClip, jpegs: list[bytes] | None = None) -> None:
        """Keep a span, its pictures as `jpegs` where these are given: the JPEGs that its frames were decoded
        from.

        Raises InputError where there is no room or nothing can be written, if that is `required`.
        """
        if not self.keeps:
            return
        try:
            self.packed.put(self._key(path, place), pack(entry, jpegs))
        except InputError as error:
            if self.required:
                raise
            self.keeps = False
            if self._unsaid.acquire(block=False):
                print(f"{error}; going on without keeping more", file=sys.stderr, flush=True)

    def lacks(self, entries: int, entry_bytes: float) -> str | None:
        """A sentence if so many entries of this kind, those there already among them, will not all fit; else
        None."""
        missing = max(entries - self.packed.count(self.spec), 0) * entry_bytes
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
        described = [(spec, json.loads(text), count) for spec, text, count in self.packed.decodings()]
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

    def failed(self) -> None:
        """Count a span that could not be read: it is not kept."""
        self.failures += 1

    def close(self) -> None:
        self.packed.close()

    def _key(self, path: Path, place: float) -> EntryKey:
        return EntryKey(self.spec, self.packed.content(path), repr(float(place)))


def pack(entry: StoredClip, jpegs: list[bytes] | None = None) -> list[Any]:
    """An entry as buffers: the length of its head, the head, the samples, the pictures (or their `jpegs`)."""
    frames, wave = entry.frames, entry.wave
    head: dict[str, Any] = {
        "start_seconds": entry.start_seconds,
        "status": entry.status,
        "seconds": entry.seconds,
    }
    body: list[Any] = []
    if wave is not None:
        told = {"rate_hz": wave.rate_hz, "start_seconds": wave.start_seconds, "partial": wave.partial}
        head["wave"] = {"samples": len(wave.samples), **told}
        body.append(np.ascontiguousarray(wave.samples).data)
    if frames is not None:
        head["frames"] = {
            "seconds": frames.seconds.tolist(),
            "partial": frames.partial,
            "shape": frames.pixels.shape,
        }
        head["frames"]["jpegs"] = None if jpegs is None else [len(data) for data in jpegs]
        body += [np.ascontiguousarray(frames.pixels).data] if jpegs is None else jpegs
    text = json.dumps(head).encode()
    text += b" " * (-(len(text) + 4) % _ALIGN)
    return [len(text).to_bytes(4, "big"), text, *body]


def unpack(data: bytes) -> StoredClip:
    """The entry of the joined buffers of `pack`; its arrays are views of them, but for pictures out of
    JPEGs."""
    at = 4 + int.from_bytes(data[:4], "big")
    head = json.loads(data[4:at])
    frames = wave = None
    if (told := head.get("wave")) is not None:
        samples = np.frombuffer(data, np.float32, told["samples"], at)
        wave = Wave(samples, told["rate_hz"], told["start_seconds"], told["partial"])
        at += samples.nbytes
    if (told := head.get("frames")) is not None:
        if told["jpegs"] is None:
            pixels = np.frombuffer(data, np.uint8, offset=at).reshape(told["shape"])
        else:
            ends = at + np.cumsum(told["jpegs"])
            pixels = decode_jpegs(
                [data[end - size : end] for end, size in zip(ends.tolist(), told["jpegs"], strict=True)]
            )
        frames = Frames(pixels, np.array(told["seconds"]), told["partial"])
    return StoredClip(head["start_seconds"], frames, wave, head["status"], head["seconds"])
