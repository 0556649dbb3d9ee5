"""Operations on the submission ledger: add a submission, note its score, list all, compare with estimates.

`ledger.py` has the types, `ledger_file.py` the file.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.competition import ledger_file
from telltale.competition.ledger import LIMITS, Ledger, Submission, is_sha256
from telltale.competition.local_time import parse_time
from telltale.errors import InputError
from telltale.files import read_json, sha256
from telltale.scores import sidecar
from telltale.scores.table import read_scores

ESTIMATES = {"own_auc": "own validation AUC", "unseen_auc": "unseen-cluster estimate"}


def add(
    path: Path,
    values: Mapping[str, Any],
    *,
    now: datetime,
    when: str = "",
    timezone: str = "",
    force: bool = False,
) -> tuple[Ledger, Submission]:
    """Add a submission to the ledger in `path`. Return the changed ledger and the submission.

    values: the fields of `Submission` except id, submitted and forced.
    now: the present time.
    when: the time of the submission as `local_time.parse_time` reads it; "" for `now`.
    timezone: as for `ledger_file.change`.
    force: add it even if the same bytes are already in the ledger for this phase, or if the day's limit is
        reached. `Submission.forced` then says which.

    Raises InputError in these two cases without `force`, for a `when` after `now`, and if the ledger has the
    same bytes as a submission of another model.
    """

    def edit(before: Ledger) -> Ledger:
        submitted = parse_time(when, before.zone) if when else now.astimezone(UTC).replace(microsecond=0)
        if submitted > now:
            raise InputError(f"--when {when}: lies in the future; wanted the time at which it was submitted")
        number = 1 + max((entry.id for entry in before.entries), default=0)
        entry = Submission(id=number, submitted=submitted, **values)
        same, over = _same_bytes(before, entry), _over_limit(path, before, entry)
        if (refusal := same or over) and not force:
            raise InputError(refusal)
        forced = " and ".join(["limit"] * bool(over) + ["same bytes"] * bool(same))
        entry = dataclasses.replace(entry, forced=forced)
        return dataclasses.replace(before, entries=(*before.entries, entry))

    after = ledger_file.change(path, edit, timezone)
    return after, after.entries[-1]


def _same_bytes(before: Ledger, entry: Submission) -> str:
    """Why the entry is refused if its bytes were submitted in this phase before, else "".

    Raises InputError if the ledger says that another model wrote the same bytes.
    """
    same = [other for other in before.entries if other.sha256 == entry.sha256]
    for other in same:
        if entry.model_sha256 and other.model_sha256 not in ("", entry.model_sha256):
            raise InputError(
                f"{entry.file}: has the same bytes as submission {other.id}, which is of model "
                f"{other.model_sha256[:16]} and not of {entry.model_sha256[:16]}; wanted the bundle of the "
                "one model that wrote it"
            )
    ids = ", ".join(str(other.id) for other in same if other.phase == entry.phase)
    return ids and (
        f"{entry.file}: has the same bytes as submission {ids} of phase {entry.phase}; wanted another file, "
        "or --force if it was submitted again"
    )


def _over_limit(path: Path, before: Ledger, entry: Submission) -> str:
    """Why the entry is refused if its day has reached the limit of its phase, else ""."""
    day, limit = before.day(entry.submitted), LIMITS[entry.phase]
    used = len(before.on(day, entry.phase))
    if used < limit:
        return ""
    return (
        f"{path}: {used} of {limit} {entry.phase} submissions of {day} ({before.zone.key}) are used; wanted "
        "one of another day, or --force if it was submitted nevertheless"
    )


def score(
    path: Path, number: int, auc: float, tpr: float | None = None, *, force: bool = False
) -> Submission:
    """Note the score that the competition returned for submission `number`.

    Raises InputError if there is no such submission, and, without `force`, if it has another score already.
    """

    def edit(before: Ledger) -> Ledger:
        chosen = next((entry for entry in before.entries if entry.id == number), None)
        if chosen is None:
            raise InputError(
                f"{path}: has no submission {number}; wanted an id that telltale submit-log list prints"
            )
        known = (chosen.score_auc, chosen.score_tpr)
        if known[0] is not None and known != (auc, tpr) and not force:
            raise InputError(
                f"{path}: submission {number} has AUC {known[0]}, TPR {known[1]} already; wanted --force to "
                "replace them"
            )
        scored = dataclasses.replace(chosen, score_auc=auc, score_tpr=tpr)
        entries = tuple(scored if entry is chosen else entry for entry in before.entries)
        return dataclasses.replace(before, entries=entries)

    return next(entry for entry in ledger_file.change(path, edit).entries if entry.id == number)


def gap(entries: Iterable[Submission], estimate: str) -> tuple[float | None, int]:
    """How far an estimate was above the returned AUC: (mean difference or None, number of entries).

    estimate: "own_auc" or "unseen_auc". Only entries that have both numbers count.
    """
    pairs = [(getattr(entry, estimate), entry.score_auc) for entry in entries]
    gaps = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    return (math.fsum(gaps) / len(gaps) if gaps else None), len(gaps)


def submission_sha256(path: Path) -> str:
    """SHA-256 of a submission's bytes. Raises InputError if the file is no submission or has no rows."""
    rows = read_scores(path)
    if not rows or {row.status for row in rows.values()} != {"submitted"}:
        problem = "holds scores with statuses" if rows else "has no rows"
        raise InputError(
            f"{path}: {problem}; wanted a submission.csv with video_name, a column of scores and a row for "
            "each video"
        )
    return sha256(path)


def model_of(path: Path) -> tuple[str, float | None]:
    """`model_sha256` and `validation_auc` of a bundle.json, the latter None if it is absent.

    Raises InputError if the file cannot be read or a value is not valid.
    """
    expected = "an object with model_sha256, 64 lowercase hex digits"
    tree = read_json(path, expected)
    if not isinstance(tree, dict) or not is_sha256(tree.get("model_sha256")):
        raise InputError(f"{path}: has no such model_sha256; wanted {expected}")
    auc = tree.get("validation_auc")
    if auc is not None and (isinstance(auc, bool) or not isinstance(auc, int | float) or not 0 <= auc <= 1):
        raise InputError(f"{path}: validation_auc {json.dumps(auc)}; wanted a number in [0, 1], or none")
    return tree["model_sha256"], auc


def model_that_wrote(file: Path, bundle: Path | None) -> tuple[str, float | None]:
    """SHA-256 of the model that wrote a submission, "" if it is not known, and the bundle's validation AUC.

    Raises InputError if the submission's side file describes other bytes, or another model than the bundle's.
    """
    origin = sidecar.of_submission(file)
    writer = origin[1].model_sha256 if origin else ""
    if bundle is None:
        return writer, None
    model, auc = model_of(bundle / "bundle.json")
    if writer not in ("", model):
        raise InputError(
            f"{file}: was written by model {writer[:16]}, as its side file says, and {bundle} holds model "
            f"{model[:16]}; wanted the bundle of the one model that wrote the submission"
        )
    return model, auc


def table(ledger: Ledger) -> list[str]:
    """The ledger as lines to print, in the order of adding, with times in the ledger's time zone."""
    form = "{:>4}  {:16}  {:10}  {:8}  {:>6}  {:>6}  {:>6}  {:>6}  {}"
    lines = [f"submissions: {len(ledger.entries)}; times and days are those of {ledger.zone.key}", ""]
    lines.append(form.format("id", "submitted", "phase", "model", "own", "unseen", "AUC", "TPR", "file"))
    for entry in ledger.entries:
        shares = (entry.own_auc, entry.unseen_auc, entry.score_auc, entry.score_tpr)
        cells = ["" if share is None else f"{share:.4f}" for share in shares]
        when = f"{entry.submitted.astimezone(ledger.zone):%Y-%m-%d %H:%M}"
        text = entry.file
        text += f"  [forced: {entry.forced}]" if entry.forced else ""
        text += f"  {entry.note}" if entry.note else ""
        lines.append(form.format(entry.id, when, entry.phase, entry.model_sha256[:8], *cells, text))
    return [*lines, ""]
