"""What is done with the submission ledger: add a submission, note its score, list all, count what is left.

`ledger.py` has the file itself.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.competition import ledger
from telltale.competition.ledger import LIMITS, Ledger, Submission
from telltale.errors import InputError
from telltale.files import read_json, sha256
from telltale.scores import sidecar
from telltale.scores.score import read_scores

ESTIMATES = {"own_auc": "own validation AUC", "unseen_auc": "unseen-cluster estimate"}


def add(
    path: Path,
    facts: Mapping[str, Any],
    *,
    now: datetime,
    when: str = "",
    timezone: str = "",
    force: bool = False,
) -> tuple[Ledger, Submission]:
    """Add a submission; the ledger with it, and the submission.

    facts: `Submission`'s fields but id, submitted and forced.
    when: as `ledger.instant` takes it, "" for `now`.
    timezone: as `ledger.change` takes it.

    Raises InputError for the same bytes a second time in a phase and
    for more than the day's limit, both unless `force`; for a `when` after `now`; for bytes that are noted as
    another model's.
    """

    def edit(before: Ledger) -> Ledger:
        submitted = ledger.instant(when, before.zone) if when else now.astimezone(UTC).replace(microsecond=0)
        if submitted > now:
            raise InputError(f"--when {when}: lies in the future; wanted the time at which it was submitted")
        entry = Submission(
            id=1 + max((e.id for e in before.entries), default=0), submitted=submitted, **facts
        )
        again, over = _same_bytes(before, entry), _limit(path, before, entry)
        if (refusal := again or over) and not force:
            raise InputError(refusal)
        forced = " and ".join(["limit"] * bool(over) + ["same bytes"] * bool(again))
        return dataclasses.replace(
            before, entries=(*before.entries, dataclasses.replace(entry, forced=forced))
        )

    after = ledger.change(path, edit, timezone)
    return after, after.entries[-1]


def _same_bytes(before: Ledger, entry: Submission) -> str:
    """Why the entry's bytes may not be added, or nothing. Raises InputError if they are noted as another
    model's."""
    same = [other for other in before.entries if other.sha256 == entry.sha256]
    for other in same:
        if entry.model_sha256 and other.model_sha256 not in ("", entry.model_sha256):
            raise InputError(
                f"{entry.file}: has the same bytes as submission {other.id}, which is of model "
                f"{other.model_sha256[:16]} and "
                f"not of {entry.model_sha256[:16]}; wanted the bundle of the one model that wrote it"
            )
    ids = ", ".join(str(other.id) for other in same if other.phase == entry.phase)
    return ids and (
        f"{entry.file}: is submission {ids} of phase {entry.phase} already, to the byte; wanted another "
        "file, or --force if it "
        "was submitted again"
    )


def _limit(path: Path, before: Ledger, entry: Submission) -> str:
    """Why the entry's day has no room for it, or nothing."""
    day, limit = before.day(entry.submitted), LIMITS[entry.phase]
    used = len(before.on(day, entry.phase))
    return "" if used < limit else (
        f"{path}: {used} of {limit} {entry.phase} submissions of {day} ({before.zone.key}) are used; wanted "
        "one of another "
        "day, or --force if it was submitted all the same"
    )  # fmt: skip


def score(
    path: Path, number: int, auc: float, tpr: float | None = None, *, force: bool = False
) -> Submission:
    """Note the score that came back. Raises InputError for an id that is not there, and, unless `force`, for
    another score than the one noted before."""

    def edit(before: Ledger) -> Ledger:
        chosen = next((entry for entry in before.entries if entry.id == number), None)
        if chosen is None:
            raise InputError(
                f"{path}: has no submission {number}; wanted an id that telltale submit-log list shows"
            )
        known = (chosen.score_auc, chosen.score_tpr)
        if known[0] is not None and known != (auc, tpr) and not force:
            raise InputError(
                f"{path}: submission {number} has AUC {known[0]}, TPR {known[1]} already; wanted --force to "
                "replace them"
            )
        scored = dataclasses.replace(chosen, score_auc=auc, score_tpr=tpr)
        return dataclasses.replace(
            before, entries=tuple(scored if e is chosen else e for e in before.entries)
        )

    return next(entry for entry in ledger.change(path, edit).entries if entry.id == number)


def gap(entries: Iterable[Submission], estimate: str) -> tuple[float | None, int]:
    """Mean of `estimate` ("own_auc" or "unseen_auc") minus the AUC that came back, over the n entries that
    have both; and n."""
    both = [(getattr(entry, estimate), entry.score_auc) for entry in entries]
    found = [ours - theirs for ours, theirs in both if ours is not None and theirs is not None]
    return (math.fsum(found) / len(found) if found else None), len(found)


def submission_sha256(path: Path) -> str:
    """Of the file's bytes. Raises InputError if it is no submission: video_name, a column of scores, and
    rows."""
    rows = read_scores(path)
    if not rows or {row.status for row in rows.values()} != {"submitted"}:
        what = "holds scores with statuses" if rows else "has no rows"
        raise InputError(
            f"{path}: {what}; wanted a submission.csv with video_name, a column of scores and a row a video"
        )
    return sha256(path)


def model_of(path: Path) -> tuple[str, float | None]:
    """`model_sha256` and, where it is there, `validation_auc` of a bundle.json. Raises InputError."""
    wanted = "an object with model_sha256, 64 small hex digits"
    facts = read_json(path, wanted)
    if not isinstance(facts, dict) or not ledger.is_sha256(facts.get("model_sha256")):
        raise InputError(f"{path}: has no such model_sha256; wanted {wanted}")
    auc = facts.get("validation_auc")
    if auc is not None and (isinstance(auc, bool) or not isinstance(auc, int | float) or not 0 <= auc <= 1):
        raise InputError(f"{path}: validation_auc {json.dumps(auc)}; wanted a number in [0, 1], or none")
    return facts["model_sha256"], auc


def model_that_wrote(file: Path, bundle: Path | None) -> tuple[str, float | None]:
    """The model that wrote the submission, "" if nothing says so, and the bundle's AUC. Raises InputError if
    the bundle's is another, and for a submission other than the one that its side file describes."""
    found = sidecar.of_submission(file)
    wrote = found[1].model_sha256 if found else ""
    if bundle is None:
        return wrote, None
    model, auc = model_of(bundle / "bundle.json")
    if wrote not in ("", model):
        raise InputError(
            f"{file}: was written by model {wrote[:16]}, as its side file says, and {bundle} holds model "
            f"{model[:16]}; "
            "wanted the bundle of the one model that wrote the submission"
        )
    return model, auc


def table(held: Ledger) -> list[str]:
    """The ledger as lines to print, in the order of adding, times on the clocks of its zone."""
    form = "{:>4}  {:16}  {:10}  {:8}  {:>6}  {:>6}  {:>6}  {:>6}  {}"
    lines = [f"submissions: {len(held.entries)}; times and days are those of {held.zone.key}", ""]
    lines.append(form.format("id", "submitted", "phase", "model", "own", "unseen", "AUC", "TPR", "file"))
    for e in held.entries:
        shares = [
            "" if value is None else f"{value:.4f}"
            for value in (e.own_auc, e.unseen_auc, e.score_auc, e.score_tpr)
        ]
        when = f"{e.submitted.astimezone(held.zone):%Y-%m-%d %H:%M}"
        said = f"{e.file}{f'  [forced: {e.forced}]' if e.forced else ''}{f'  {e.note}' if e.note else ''}"
        lines.append(form.format(e.id, when, e.phase, e.model_sha256[:8], *shares, said))
    return [*lines, ""]
