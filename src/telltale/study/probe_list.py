"""The probes: what each one reads, and what it reads of a set of clips.

`SHORTCUT` probes read the file or the recording: what they find is no forgery. `INFORMATIVE` ones read sound
or picture as a detector does, and may see the forgeries themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.study.probe_facts import Facts
from telltale.study.probe_statistics import auc_columns, features

SHORTCUT, INFORMATIVE = "shortcut", "informative"
# A number counts if this share of the clips that have any of the probe's numbers has it.
_MEASURED_SHARE = 0.9


@dataclass(frozen=True)
class Probe:
    """One probe.

    name: in tables and figures.
    numbers: the numbers that it reads, or how their names begin.
    tags: whether it reads all tags; statuses: whether it reads whether a clip could be read.
    vector: the vector that it reads, "" for none.
    kind: SHORTCUT or INFORMATIVE.
    """

    name: str
    numbers: tuple[str, ...] = ()
    tags: bool = False
    statuses: bool = False
    vector: str = ""
    kind: str = SHORTCUT


PROBES = (
    Probe("unreadable", statuses=True),
    Probe("file size", ("size.",)),
    Probe("duration", ("duration.",)),
    Probe("sound's length", ("lengths.",)),
    Probe("bit rate", ("bitrate.file", "bitrate.picture")),
    Probe("bit rate of sound", ("bitrate.sound",)),
    Probe("tags", tags=True),
    Probe("frame rate", ("framerate.",)),
    Probe("picture size", ("dimensions.",)),
    Probe("presence of sound", ("presence.",)),
    Probe("leading silence", ("leading.",)),
    Probe("trailing silence", ("trailing.",)),
    Probe("loudness", ("loudness.",)),
    Probe("band limit", ("band.",)),
    Probe("borders", ("borders.",)),
    Probe("blur", ("blur.",)),
    Probe("noise", ("noise.",)),
    Probe("compression", ("compression.",)),
    Probe("first frame", vector="first"),
    Probe("sound only", vector="spectrum", kind=INFORMATIVE),
    Probe("picture only", vector="look", kind=INFORMATIVE),
)


@dataclass(frozen=True)
class Read:
    """What a probe reads of N clips: float64 (N, K) numbers, K tag columns, float64 (N, V) vectors or None,
    and the rows of the clips that have all of it."""

    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    tags: dict[str, list[str]]
    vectors: NDArray[np.float64] | None
    rows: NDArray[np.int64]

    def basis(self) -> NDArray[np.float64]:
        """`features` of the rows."""
        rows = self.rows
        tags = [[texts[row] for row in rows] for texts in self.tags.values()]
        vectors = None if self.vectors is None else self.vectors[rows]
        return features(self.numbers[rows], tags, vectors)


def read(probe: Probe, facts: Facts) -> Read:
    """What `probe` reads of `facts`."""
    count = len(facts.statuses)
    vectors = facts.vectors[probe.vector].astype(np.float64) if probe.vector else None
    if probe.statuses:
        return Read((), np.zeros((count, 0)), {"status": facts.statuses}, None, np.arange(count))
    if probe.tags:
        opened = np.array([any(texts[row] for texts in facts.tags.values()) for row in range(count)], bool)
        return Read((), np.zeros((count, 0)), dict(facts.tags), None, np.flatnonzero(opened))
    if vectors is not None:
        rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        return Read((), np.zeros((count, 0)), {}, vectors, rows)
    names = [name for name in facts.numbers if name.startswith(probe.numbers)]
    table = np.stack([facts.numbers[name] for name in names], 1) if names else np.zeros((count, 0))
    measured = np.isfinite(table)
    any_number = measured.any(axis=1)
    kept = measured[any_number].mean(axis=0) >= _MEASURED_SHARE if any_number.any() else np.zeros(0, bool)
    names = [name for name, keep in zip(names, kept, strict=False) if keep]
    table = table[:, kept] if len(kept) else table[:, :0]
    rows = np.flatnonzero(np.isfinite(table).all(axis=1) & any_number)
    return Read(tuple(names), table, {}, None, rows)


def strongest(found: Read, labels: NDArray[np.int64], words: tuple[str, str]) -> str:
    """The one number or tag that differs most between the classes, in words; "" for vectors.

    words: what the clips of label 0 and 1 are called.
    """
    rows, told = found.rows, labels[found.rows]
    best = (0.0, 0.0, "")
    for number, name in enumerate(found.names):
        column = found.numbers[rows, number]
        centred = column - column.min() if len(column) else column
        auc = float(auc_columns(told[:, None].astype(float), centred[:, None])[0])
        middles = [float(np.median(column[told == label])) for label in (0, 1)]
        text = f"{name}: median {middles[0]:.4g} in {words[0]}, {middles[1]:.4g} in {words[1]}"
        best = max(best, (abs(auc - 0.5), 0.0, text))
    for name, texts in found.tags.items():
        values = np.asarray([texts[row] for row in rows], dtype=object).astype(str)
        for value in np.unique(values).tolist():
            shares = [float((values[told == label] == value).mean()) for label in (0, 1)]
            shown = value if len(value) <= 40 else f"{value[:37]}..."
            text = f"{name}={shown!r}: {shares[0]:.0%} of {words[0]}, {shares[1]:.0%} of {words[1]}"
            # Of a tag with two values the one that forged clips have is named.
            best = max(best, (round(abs(shares[1] - shares[0]) / 2, 9), shares[1], text))
    return best[2]
