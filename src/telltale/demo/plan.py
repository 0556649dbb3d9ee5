"""The list of clips of a demo data set: kind of forgery, person, length and file name of each."""

import hashlib
from dataclasses import dataclass

import numpy as np

GENUINE = "genuine"
SEEN_KINDS = ("face_swap", "mouth_regenerated", "face_resampled", "voice_resynthesised")
UNSEEN_KINDS = ("whole_face_reenacted", "sound_shifted", "sound_replaced", "voice_converted")
SPLITS = ("train", "validation", "test")
GENUINE_SHARE = 1 / 3
CLIPS_PER_IDENTITY = 4


@dataclass(frozen=True)
class ClipPlan:
    """One clip to make.

    split, index: the split, and the clip's number in it.
    video_name: file name.
    kind: GENUINE or a kind of forgery.
    identity: number of the person in the picture, unique over all splits.
    donor: number of the person whose face or voice is used, or None.
    frames: length.
    """

    split: str
    index: int
    video_name: str
    kind: str
    identity: int
    donor: int | None
    frames: int

    @property
    def target(self) -> int:
        """1 for forged, 0 for genuine."""
        return int(self.kind != GENUINE)


def draw_plan(counts: dict[str, int], seed: int, frames: tuple[int, int]) -> list[ClipPlan]:
    """The plans of all clips, sorted by split and name.

    counts: number of clips of each split.
    frames: length of the shortest and of the longest clip.
    """
    plans, first_identity = [], 0
    for split, count in counts.items():
        number = SPLITS.index(split)
        rng = np.random.default_rng([seed, 0, number])
        identities = max(2, -(-count // CLIPS_PER_IDENTITY))
        rows = []
        kinds = _kinds(rng, split, count)
        lengths = _lengths(rng, kinds, frames)
        for index, kind in enumerate(kinds):
            identity = index * identities // count
            donor = (identity + int(rng.integers(1, identities))) % identities
            rows.append(
                ClipPlan(
                    split=split,
                    index=index,
                    video_name=file_name(seed, split, index),
                    kind=kind,
                    identity=first_identity + identity,
                    donor=first_identity + donor if kind in ("face_swap", "sound_replaced") else None,
                    frames=lengths[index],
                )
            )
        plans += sorted(rows, key=lambda plan: plan.video_name)
        first_identity += identities
    return plans


def file_name(seed: int, split: str, index: int) -> str:
    """A file name that contains no information about the clip, also not by its order."""
    return (
        hashlib.md5(f"telltale/{seed}/{split}/{index}".encode(), usedforsecurity=False).hexdigest() + ".mp4"
    )


def _kinds(rng: np.random.Generator, split: str, count: int) -> list[str]:
    """The kinds of `count` clips in random order: a third genuine, the rest evenly of each forgery."""
    genuine = max(1, round(count * GENUINE_SHARE))
    forged = SEEN_KINDS + UNSEEN_KINDS if split == "test" else SEEN_KINDS
    kinds = [GENUINE] * genuine + [forged[i % len(forged)] for i in range(count - genuine)]
    return [kinds[i] for i in rng.permutation(count)]


def _lengths(rng: np.random.Generator, kinds: list[str], frames: tuple[int, int]) -> list[int]:
    """A length for each clip, evenly spread over the same range for each kind."""
    return [int(frames[0] + share * (frames[1] + 1 - frames[0])) for share in even_shares(rng, kinds)]


def even_shares(rng: np.random.Generator, groups: list[str]) -> np.ndarray:
    """Numbers in [0, 1), float64 (N,), one for each clip, evenly spread in each group of clips.

    So what follows from the number does not reveal the group, also in a small data set.
    """
    shares = np.empty(len(groups))
    for group in sorted(set(groups)):
        rows = [i for i, other in enumerate(groups) if other == group]
        shares[rows] = rng.permutation((np.arange(len(rows)) + rng.random(len(rows))) / len(rows))
    return shares
