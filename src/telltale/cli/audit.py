"""`telltale audit RUN [--strict] [--submission FILE] [--json]`: whether a run keeps the competition's rules,
on one page.

What training wrote down in audit.json is believed; what can be looked at again is looked at now: the folder's
files of weights, best.pt by its SHA-256, config.yaml against the settings inside best.pt, and with
--submission that FILE holds this model's numbers. A rule passes, fails or is not known. The exit status is 0,
with --strict 1 unless every rule passes.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.errors import InputError
from telltale.files import file_sha256

if TYPE_CHECKING:
    from telltale.competition.audit_record import Audit, Finding

COLUMNS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("--strict", action="store_true", help="exit status 1 unless every rule passes")
    parser.add_argument(
        "--submission",
        type=Path,
        metavar="FILE",
        help="a submission of this run, with its score file and side file beside it",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, with every SHA-256 in full")


def run(args: argparse.Namespace) -> int:
    """Print the page; the exit status. Raises InputError where RUN holds no audit."""
    from telltale.competition import audit_record

    audit = audit_record.read(args.run / "audit.json")
    now = check_again(args.run, audit)
    if args.submission is not None:
        now.append(check_submission(args.submission, args.run / "best.pt"))
    again = {finding.rule for finding in now}
    written = [finding for finding in audit_record.complete(audit.findings) if finding.rule not in again]
    verdict = audit_record.verdict([*written, *now])
    if args.json:
        print(as_json(args.run, audit, written, now))
    else:
        print("\n".join(page(args.run, audit, written, now)))
    return 0 if verdict or not args.strict else 1


def page(run: Path, audit: "Audit", written: "list[Finding]", now: "list[Finding]") -> list[str]:
    """The page's lines, the verdict first. written: findings of training; now: of what was looked at
    again."""
    from telltale.competition import audit_record

    found = [*written, *now]
    verdict = audit_record.verdict(found)
    names = [finding.rule for finding in found if finding.passed is verdict and not verdict]
    head = {True: "passed", False: "FAILED", None: "not known"}[verdict] + (
        f": {', '.join(names)}" if names else ""
    )
    counts = f"{run}: {audit.model}, {audit.parameters:,} parameters, {audit.macs / 1e9:.2f} GMACs a clip"
    width = max(len(finding.rule) for finding in found)
    parts = [
        ("as training wrote it down", audit_record.page(written, COLUMNS, width)),
        ("as it is found now", audit_record.page(now, COLUMNS, width)),
    ]
    top = [*audit_record.wrapped(head, COLUMNS), *audit_record.wrapped(counts, COLUMNS)]
    return [*top, *(line for title, text in parts for line in ("", title, text))]


def as_json(run: Path, audit: "Audit", written: "list[Finding]", now: "list[Finding]") -> str:
    """The same for programs: verdict and findings, passed true, false or null for not known; found:
    "training" or "now"."""
    from dataclasses import asdict

    from telltale.competition import audit_record

    findings = [
        {**asdict(finding), "found": when}
        for when, part in (("training", written), ("now", now))
        for finding in part
    ]
    head = {"run": str(run), "passed": audit_record.verdict([*written, *now])}
    counts = {name: value for name, value in asdict(audit).items() if name not in ("passed", "findings")}
    return json.dumps({**head, **counts, "findings": findings}, indent=2)


def check_again(run: Path, audit: "Audit") -> "list[Finding]":
    """What the run's folder itself shows now: one model, best.pt the one that was scored, config.yaml the one
    trained with."""
    from telltale.competition import audit_record

    model = _model(run)
    if model.passed is False or not (run / "best.pt").is_file():
        return [
            audit_record.single_model(run),
            model,
            audit_record.Finding("settings", None, "there is no sound best.pt to compare with"),
        ]
    from telltale.models import checkpoint

    try:
        content = checkpoint.load(run / "best.pt")
    except InputError as error:
        model = audit_record.Finding("checkpoint", False, str(error))
        return [
            audit_record.single_model(run),
            model,
            audit_record.Finding("settings", None, "best.pt, which holds them too, is damaged"),
        ]
    return [audit_record.single_model(run), _content(run, audit, content, model), _settings(run, content)]


def _model(run: Path) -> "Finding":
    """Whether best.pt is the file that gave validation_scores.csv."""
    from telltale.competition.audit_record import Finding
    from telltale.scores import sidecar

    scores, best = run / "validation_scores.csv", run / "best.pt"
    if not best.is_file():
        return Finding("checkpoint", None, f"{best} is not there")
    digest = file_sha256(best)
    if not sidecar.path_of(scores).is_file():
        return Finding(
            "checkpoint",
            None,
            f"best.pt is {digest}; there is no {sidecar.path_of(scores).name} to say what it was",
        )
    try:
        origin = sidecar.check(scores)
    except InputError as error:
        return Finding("checkpoint", False, str(error))
    if origin.model_sha256 != digest:
        said = (
            f"best.pt is {digest}, but validation_scores.csv was scored by {origin.model_sha256}; it is "
            "another or damaged"
        )
        return Finding("checkpoint", False, said)
    return Finding(
        "checkpoint",
        True,
        f"best.pt is {digest}, which gave the {origin.rows:,} rows of validation_scores.csv",
    )


def _content(run: Path, audit: "Audit", content: dict, model: "Finding") -> "Finding":
    """`model`, or what is wrong with what best.pt says of its data and of the weights that it began with."""
    from telltale.competition.audit_record import Finding
    from telltale.scores import sidecar

    data = content.get("data")
    if model.passed and (said := sidecar.read(run / "validation_scores.csv").data) != data:
        return Finding(
            "checkpoint", False, f"best.pt was trained on data {data}, validation_scores.json says {said}"
        )
    if audit.provenance != content.get("provenance"):
        return Finding(
            "checkpoint", False, "best.pt says that it began with other weights than audit.json does"
        )
    return Finding("checkpoint", model.passed, f"{model.detail}, trained on data {data}")


def _settings(run: Path, content: dict) -> "Finding":
    """Whether config.yaml says the settings that best.pt holds."""
    from telltale import config
    from telltale.competition.audit_record import Finding
    from telltale.train.run_folder import FREE

    try:
        written = config.flatten(config.read(run / "config.yaml").model_dump(mode="json"))
        trained = config.flatten(
            config.parse(content["config"], str(run / "best.pt")).model_dump(mode="json")
        )
    except InputError as error:
        return Finding("settings", False, str(error))
    # A resumed run may have been given these anew after the best epoch.
    apart = [key for key in trained if trained[key] != written.get(key) and key not in FREE]
    if apart:
        said = ", ".join(
            f"{key} is {written.get(key)!r} in config.yaml, {trained[key]!r} in best.pt" for key in apart[:5]
        )
        return Finding("settings", False, said + (f", and {len(apart) - 5} more" if len(apart) > 5 else ""))
    return Finding("settings", True, "config.yaml holds what best.pt was trained with")


def check_submission(file: Path, best: Path) -> "Finding":
    """Whether every number of a submission is that of the scores beside it, and these are of the one model
    `best`."""
    from telltale.competition.audit_record import Finding
    from telltale.scores import sidecar
    from telltale.scores.score import read_scores

    try:
        given = read_scores(file)
        if any(score.status != "submitted" for score in given.values()):
            raise InputError(
                f"{file}: is a file of scores; wanted the submission, with video_name and a column of scores"
            )
        if (found := sidecar.of_submission(file)) is None:
            side = sidecar.path_of(sidecar.scores_of(file))
            raise InputError(
                f"{side}: is not there; wanted the side file that predict.py writes with {file.name}"
            )
        origin, scored = sidecar.check(found[0]), read_scores(found[0])
        model = file_sha256(best)
    except InputError as error:
        return Finding("submission", False, str(error))
    if origin.model_sha256 != model:
        return Finding(
            "submission", False, f"{file}: scored by model {origin.model_sha256}, but {best} is {model}"
        )
    if odd := sidecar.differences(given, scored):
        return Finding("submission", False, f"{file}: {odd}")
    unscored = [name for name, score in scored.items() if score.fake_probability is None]
    said = f"{len(given) - len(unscored):,} numbers of model {model}"
    left = (
        f"; {len(unscored):,} videos not scored, {given[unscored[0]].fake_probability:.10f} for each"
        if unscored
        else ""
    )
    return Finding("submission", True, said + left)
