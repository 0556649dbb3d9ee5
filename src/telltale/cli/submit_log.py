"""`telltale submit-log add|score|list|check`: what was submitted when, of which model, and which score came
back.

telltale submit-log check --phase validation
telltale submit-log add submission.csv --phase validation --bundle BUNDLE --unseen-auc 0.83 --timezone
Europe/Rome telltale submit-log score 1 --auc 0.8127 telltale submit-log list --plot submissions.png

The ledger is a text file to keep in git (--ledger, default submissions.csv); `add` begins it. The competition
allows 5 submissions a day on validation and 2 on test: `check` ends with status 1 where none is left.
"""

import argparse
import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.competition import ledger
from telltale.competition.ledger import LIMITS, Entry, Ledger
from telltale.errors import InputError

ESTIMATES = {"own_auc": "own validation AUC", "unseen_auc": "unseen-cluster estimate"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_ = actions.add_parser("add", help="note a submission")
    add_.add_argument(
        "file", type=Path, metavar="FILE", help="the submission: CSV of video_name and a column of scores"
    )
    add_.add_argument("--phase", required=True, choices=LIMITS)
    add_.add_argument(
        "--bundle", type=Path, metavar="DIR", help="the bundle that it comes from: a folder with bundle.json"
    )
    add_.add_argument(
        "--when",
        default="",
        metavar="ISO",
        help="when it was submitted (default: now); no offset: ledger's zone",
    )
    add_.add_argument(
        "--own-auc", type=float, metavar="X", help="AUC on our own validation set (default: the bundle's)"
    )
    add_.add_argument(
        "--unseen-auc", type=float, metavar="X", help="AUC estimated for clusters that training did not see"
    )
    add_.add_argument("--note", default="", metavar="TEXT", help="one line")
    add_.add_argument(
        "--timezone", default="", metavar="NAME", help="whose days count; set by the first use (default: UTC)"
    )
    add_.add_argument(
        "--force",
        action="store_true",
        help="note it although it is over the day's limit, or the same bytes again",
    )
    score_ = actions.add_parser("score", help="note the score that came back")
    score_.add_argument("id", type=int, metavar="ID", help="as add and list print it")
    score_.add_argument("--auc", type=float, required=True, metavar="X")
    score_.add_argument("--tpr", type=float, metavar="Y", help="true positive rate, if one came back")
    score_.add_argument("--force", action="store_true", help="replace the score that is there")
    list_ = actions.add_parser("list", help="all submissions, and how far our estimates were from the scores")
    list_.add_argument("--json", action="store_true", help="print it for programs")
    list_.add_argument("--plot", type=Path, metavar="FILE.png", help="draw estimates and scores over time")
    check_ = actions.add_parser("check", help="how many submissions are left today; status 1 if none")
    check_.add_argument("--phase", choices=LIMITS, help="(default: both; status 1 if neither has one left)")
    check_.add_argument("--now", default="", metavar="ISO", help="another time than now, for planning")
    for action in (add_, score_, list_, check_):
        action.add_argument(
            "--ledger",
            type=Path,
            default=Path("submissions.csv"),
            metavar="FILE",
            help="default: %(default)s",
        )


def run(args: argparse.Namespace) -> int:
    return {"add": _add, "score": _score, "list": _list, "check": _check}[args.action](args)


def add(
    path: Path,
    facts: Mapping[str, Any],
    *,
    now: datetime,
    when: str = "",
    timezone: str = "",
    force: bool = False,
) -> tuple[Ledger, Entry]:
    """Add a submission; the ledger with it, and its entry.

    facts: `Entry`'s fields but id, submitted and forced. when: as `ledger.instant` takes it, "" for `now`.
    timezone: as `ledger.change` takes it. Raises InputError for the same bytes a second time in a phase and
    for more than the day's limit, both unless `force`; for a `when` after `now`; for bytes that are noted as
    another model's.
    """

    def edit(before: Ledger) -> Ledger:
        submitted = ledger.instant(when, before.zone) if when else now.astimezone(UTC).replace(microsecond=0)
        if submitted > now:
            raise InputError(f"--when {when}: lies in the future; wanted the time at which it was submitted")
        entry = Entry(id=1 + max((e.id for e in before.entries), default=0), submitted=submitted, **facts)
        again, over = _same_bytes(before, entry), _limit(path, before, entry)
        if (refusal := again or over) and not force:
            raise InputError(refusal)
        forced = " and ".join(["limit"] * bool(over) + ["same bytes"] * bool(again))
        return dataclasses.replace(
            before, entries=(*before.entries, dataclasses.replace(entry, forced=forced))
        )

    after = ledger.change(path, edit, timezone)
    return after, after.entries[-1]


def _same_bytes(before: Ledger, entry: Entry) -> str:
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


def _limit(path: Path, before: Ledger, entry: Entry) -> str:
    """Why the entry's day has no room for it, or nothing."""
    day, limit = before.day(entry.submitted), LIMITS[entry.phase]
    used = len(before.on(day, entry.phase))
    return "" if used < limit else (
        f"{path}: {used} of {limit} {entry.phase} submissions of {day} ({before.zone.key}) are used; wanted "
        "one of another "
        "day, or --force if it was submitted all the same"
    )  # fmt: skip


def score(path: Path, number: int, auc: float, tpr: float | None = None, *, force: bool = False) -> Entry:
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


def gap(entries: Iterable[Entry], estimate: str) -> tuple[float | None, int]:
    """Mean of `estimate` ("own_auc" or "unseen_auc") minus the AUC that came back, over the n entries that
    have both; and n."""
    both = [(getattr(entry, estimate), entry.score_auc) for entry in entries]
    found = [ours - theirs for ours, theirs in both if ours is not None and theirs is not None]
    return (math.fsum(found) / len(found) if found else None), len(found)


def submission_sha256(path: Path) -> str:
    """Of the file's bytes. Raises InputError if it is no submission: video_name, a column of scores, and
    rows."""
    from telltale.scores.score import read_scores

    rows = read_scores(path)
    if not rows or {row.status for row in rows.values()} != {"submitted"}:
        what = "holds scores with statuses" if rows else "has no rows"
        raise InputError(
            f"{path}: {what}; wanted a submission.csv with video_name, a column of scores and a row a video"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_of(path: Path) -> tuple[str, float | None]:
    """`model_sha256` and, where it is there, `validation_auc` of a bundle.json. Raises InputError."""
    wanted = "wanted a JSON object with model_sha256, 64 small hex digits"
    try:
        facts = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {wanted}") from None
    except ValueError as error:
        raise InputError(f"{path}: is no JSON ({error}); {wanted}") from None
    if not isinstance(facts, dict) or not ledger.is_sha256(facts.get("model_sha256")):
        raise InputError(f"{path}: has no such model_sha256; {wanted}")
    auc = facts.get("validation_auc")
    if auc is not None and (isinstance(auc, bool) or not isinstance(auc, int | float) or not 0 <= auc <= 1):
        raise InputError(f"{path}: validation_auc {json.dumps(auc)}; wanted a number in [0, 1], or none")
    return facts["model_sha256"], auc


def _origin(file: Path, bundle: Path | None) -> tuple[str, float | None]:
    """The model that wrote the submission, "" if nothing says so, and the bundle's AUC. Raises InputError if
    the bundle's is another, and for a submission other than the one that its side file describes."""
    from telltale.scores import sidecar

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


def _add(args: argparse.Namespace) -> int:
    digest = submission_sha256(args.file)
    model, auc = _origin(args.file, args.bundle)
    facts = {
        "phase": args.phase,
        "file": args.file.as_posix(),
        "sha256": digest,
        "bundle": "" if args.bundle is None else args.bundle.as_posix(),
        "model_sha256": model,
        "own_auc": auc if args.own_auc is None else args.own_auc,
        "unseen_auc": args.unseen_auc,
        "note": args.note,
    }
    begun = not args.ledger.exists()
    after, entry = add(
        args.ledger, facts, now=datetime.now(UTC), when=args.when, timezone=args.timezone, force=args.force
    )  # fmt: skip
    day, limit, zone = after.day(entry.submitted), LIMITS[entry.phase], after.zone.key
    used = len(after.on(day, entry.phase))
    of_model = f", model {model[:16]}" if model else ""
    if begun:
        print(f"{args.ledger}: begun; its days are those of {zone}")
    print(f"submission {entry.id}: {entry.file}, sha256 {digest[:16]}{of_model}")
    print(f"{used} of {limit} {entry.phase} submissions of {day} ({zone}) are used")
    if used == limit:
        print(f"warning: that was the last {entry.phase} submission of {day}")
    if entry.forced:
        print(f"warning: noted by force: {entry.forced}")
    return 0


def _score(args: argparse.Namespace) -> int:
    entry = score(args.ledger, args.id, args.auc, args.tpr, force=args.force)
    print(
        f"submission {entry.id}: AUC {entry.score_auc}"
        + ("" if entry.score_tpr is None else f", TPR {entry.score_tpr}")
    )
    for estimate, name in ESTIMATES.items():
        mean, n = gap([entry], estimate)
        if n:
            print(f"{name} {getattr(entry, estimate):.4f}: {mean:+.4f} from it")
    return 0


def _list(args: argparse.Namespace) -> int:
    held = ledger.read(args.ledger)
    if args.plot:
        _plot(held, args.plot)
    groups = {"all": held.entries} | {
        phase: [e for e in held.entries if e.phase == phase] for phase in LIMITS
    }
    gaps = {
        name: {estimate: gap(entries, estimate) for estimate in ESTIMATES} for name, entries in groups.items()
    }
    if args.json:
        rows = [
            dataclasses.asdict(e) | {"submitted": e.submitted.astimezone(held.zone).isoformat()}
            for e in held.entries
        ]
        tree = {
            name: {f"{key}_minus_score": {"mean": mean, "n": n} for key, (mean, n) in of.items()}
            for name, of in gaps.items()
        }
        print(
            json.dumps(
                {"timezone": held.zone.key, "limits": dict(LIMITS), "submissions": rows, "gaps": tree},
                indent=2,
            )
        )
        return 0
    print("\n".join(table(held)))
    for estimate, name in ESTIMATES.items():
        parts = [
            f"{group} {mean:+.4f} (n = {n})"
            for group, of in gaps.items()
            for mean, n in [of[estimate]]
            if mean is not None
        ]
        print(f"{name} minus returned AUC, mean: {', '.join(parts) or 'not known (n = 0)'}")
    if args.plot:
        print(f"wrote {args.plot}")
    return 0


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


def _plot(held: Ledger, path: Path) -> None:
    from telltale.competition import ledger_figure

    if path.suffix.lower() != ".png":
        raise InputError(f"--plot {path}: wanted the name of a .png file")
    if not held.entries:
        raise InputError(f"--plot {path}: the ledger holds no submission yet; wanted one to draw")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ledger_figure.over_time(held.entries, held.zone, path)
    except OSError as error:
        raise InputError(
            f"--plot {path}: cannot be written ({error.strerror}); give a place that can"
        ) from None


def _check(args: argparse.Namespace) -> int:
    held = ledger.read(args.ledger)
    now = ledger.instant(args.now, held.zone) if args.now else datetime.now(UTC).replace(microsecond=0)
    day, ends = held.day(now), ledger.day_ends(held, now)
    phases = [args.phase] if args.phase else list(LIMITS)
    left = {phase: max(0, LIMITS[phase] - len(held.on(day, phase))) for phase in phases}
    for phase, count in left.items():
        used = len(held.on(day, phase))
        print(f"{phase}: {count} left on {day} ({held.zone.key}), {used} of {LIMITS[phase]} used")
        if count == 1:
            print(f"warning: the next {phase} submission is the last of {day}")
    minutes = int((ends - now).total_seconds() // 60)
    local = ends.astimezone(held.zone)
    print(
        f"the day ends at {local.isoformat()} ({ends:%Y-%m-%dT%H:%MZ}), in {minutes // 60} h "
        f"{minutes % 60:02} min"
    )
    return 0 if any(left.values()) else 1
