"""The list of clips of a zoo: kind, parts, person, length and nuisances of each, and what is held out."""

from dataclasses import dataclass, replace

import numpy as np

from telltale.demo.plan import (
    CLIPS_PER_IDENTITY,
    GENUINE,
    GENUINE_SHARE,
    SPLITS,
    ClipPlan,
    even_shares,
    file_name,
)
from telltale.errors import InputError
from telltale.zoo.kinds import (
    FAMILIES_WITH_DONOR,
    OTHER_SPEECH,
    WITH_DONOR,
    Kind,
    chosen,
    family_of,
)
from telltale.zoo.nuisance import Nuisance, draw_nuisance
from telltale.zoo.take import pick

LENGTH_SPREAD = 1 / 6  # as the demo's


@dataclass(frozen=True)
class ZooPlan(ClipPlan):
    """One clip to make, with the properties of the demo's plan and these.

    family: of its kind, or GENUINE.
    picture_kind, sound_kind: what forges picture and sound, or "".
    held_out: its kind is in no other split.
    """

    family: str
    picture_kind: str
    sound_kind: str
    held_out: bool
    nuisance: Nuisance

    @property
    def seconds(self) -> float:
        return float(self.frames / self.nuisance.rate)


@dataclass(frozen=True)
class Selection:
    """The kinds of a zoo. seen: in all splits; unseen: in the test split only."""

    seen: tuple[Kind, ...]
    unseen: tuple[Kind, ...]


def select(kinds: str, hold_out: str, seed: int) -> Selection:
    """The selection by names of kinds and families, separated by commas.

    kinds: `zoo` for all.
    hold_out: `half` for half of the families, drawn by the seed; `none`; or names.
    seed: of the data set.

    A combination is held out if one of its parts could only come from what is held out. Otherwise its parts
    are drawn from what is not. Raises InputError for unknown names and if nothing is left to train on.
    """
    wanted = chosen(kinds.split(","), "--kinds")
    if hold_out == "half":
        families = _half([kind for kind in wanted if kind.family != "combined"], seed)
        out = {kind.name for kind in chosen(sorted(families), "--hold-out")} if families else set()
    elif hold_out == "none":
        out = set()
    else:
        out = {kind.name for kind in chosen(hold_out.split(","), "--hold-out")}
    seen, unseen = [], []
    for kind in wanted:
        left = replace(
            kind,
            picture=tuple(name for name in kind.picture if name not in out),
            sound=tuple(name for name in kind.sound if name not in out),
        )
        if kind.name in out or left.modality != kind.modality or not (left.picture or left.sound):
            unseen.append(kind)
        else:
            seen.append(left)
    if not seen:
        raise InputError(f"--hold-out {hold_out}: no kind of --kinds {kinds} is left to train on.")
    return Selection(tuple(seen), tuple(unseen))


def _half(kinds: list[Kind], seed: int) -> set[str]:
    """Half of the families of each modality, rounded down."""
    rng = np.random.default_rng([seed, 41])
    drawn: set[str] = set()
    for modality in ("picture", "sound", "both"):
        families = sorted({kind.family for kind in kinds if kind.modality == modality})
        order = rng.permutation(len(families))
        drawn |= {families[i] for i in order[: len(families) // 2]}
    return drawn


def draw_plan(counts: dict[str, int], seed: int, selection: Selection, seconds: float) -> list[ZooPlan]:
    """The plans of all clips, sorted by split and name.

    counts: number of clips of each split.
    seconds: mean length of a clip.
    """
    plans: list[ZooPlan] = []
    first_identity = 0
    for split, count in counts.items():
        rng = np.random.default_rng([seed, 40, SPLITS.index(split)])
        identities = max(2, -(-count // CLIPS_PER_IDENTITY))
        kinds = _kinds(rng, selection, split, count)
        shares = even_shares(rng, [kind.family if kind else GENUINE for kind in kinds])
        rows = []
        for index, kind in enumerate(kinds):
            own = np.random.default_rng([seed, 42, SPLITS.index(split), index])
            identity = index * identities // count
            donor = (identity + int(rng.integers(1, identities))) % identities
            length = seconds * (1 + LENGTH_SPREAD * (2 * shares[index] - 1))
            plan = _plan(own, kind, kind in selection.unseen, length)
            needs_donor = _needs_donor(plan)
            rows.append(
                replace(
                    plan,
                    split=split,
                    index=index,
                    video_name=file_name(seed, split, index),
                    identity=first_identity + identity,
                    donor=first_identity + donor if needs_donor else None,
                )
            )
        plans += sorted(rows, key=lambda plan: plan.video_name)
        first_identity += identities
    return plans


def _kinds(rng: np.random.Generator, selection: Selection, split: str, count: int) -> list[Kind | None]:
    """The kinds of `count` clips in random order: a third genuine (None), the rest evenly of each kind."""
    genuine = max(1, round(count * GENUINE_SHARE))
    forged = [*selection.seen, *(selection.unseen if split == "test" else ())]
    order = rng.permutation(len(forged))
    kinds = [None] * genuine + [forged[order[i % len(forged)]] for i in range(count - genuine)]
    return [kinds[i] for i in rng.permutation(count)]


def _plan(rng: np.random.Generator, kind: Kind | None, held_out: bool, seconds: float) -> ZooPlan:
    """A clip of this kind and length. What does not depend on the kind is drawn first."""
    nuisance = draw_nuisance(rng)
    return ZooPlan(
        split="",
        index=0,
        video_name="",
        kind=kind.name if kind else GENUINE,
        identity=0,
        donor=None,
        frames=round(seconds * float(nuisance.rate)),
        family=kind.family if kind else GENUINE,
        picture_kind=pick(rng, kind.picture) if kind and kind.picture else "",
        sound_kind=pick(rng, kind.sound) if kind and kind.sound else "",
        held_out=held_out,
        nuisance=nuisance,
    )


def _needs_donor(plan: ZooPlan) -> bool:
    parts = {plan.picture_kind, plan.sound_kind} - {"", OTHER_SPEECH}
    return bool(parts & WITH_DONOR or {family_of(part) for part in parts} & FAMILIES_WITH_DONOR)
