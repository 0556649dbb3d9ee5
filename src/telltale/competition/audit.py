"""Check the folder of a finished run again, and whether a submission holds the scores of its model.

Most findings of audit.json cannot be repeated after training and are taken as they are. Checked again are
the folder's files of weights, the SHA-256 of best.pt, config.yaml against the settings in best.pt, and the
numbers of a submission.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from telltale import config
from telltale.competition import audit_record
from telltale.competition.audit_record import Audit, Finding
from telltale.errors import InputError
from telltale.files import sha256
from telltale.scores import sidecar
from telltale.scores.table import read_scores

COLUMNS = 100


@dataclass(frozen=True)
class Review:
    """The audit of a run after its folder was checked again.

    run: the run's folder.
    audit: its audit.json.
    recorded: the findings of audit.json on rules that were not checked again.
    current: the findings of the checks that were made again.
    """

    run: Path
    audit: Audit
    recorded: list[Finding]
    current: list[Finding]

    @property
    def verdict(self) -> bool | None:
        return audit_record.verdict([*self.recorded, *self.current])

    def page(self) -> list[str]:
        """The lines of the page that `telltale audit` prints, with the verdict first."""
        findings, verdict = [*self.recorded, *self.current], self.verdict
        names = [finding.rule for finding in findings if finding.passed is verdict and not verdict]
        head = {True: "passed", False: "FAILED", None: "not known"}[verdict]
        head += f": {', '.join(names)}" if names else ""
        audit = self.audit
        counts = f"{audit.model}, {audit.parameters:,} parameters, {audit.macs / 1e9:.2f} GMACs a clip"
        width = max(len(finding.rule) for finding in findings)
        lines = [
            *audit_record.wrapped(head, COLUMNS),
            *audit_record.wrapped(f"{self.run}: {counts}", COLUMNS),
        ]
        for title, part in (
            ("recorded by training", self.recorded),
            ("checked again now", self.current),
        ):
            lines += ["", title, audit_record.page(part, COLUMNS, width)]
        return lines

    def as_json(self) -> str:
        """The page for programs: a JSON object with the verdict, the counts and the findings.

        "passed" is true, false, or null for not known. "found" says when a finding was made: "training" or
        "now".
        """
        findings = [
            {**asdict(finding), "found": when}
            for when, part in (("training", self.recorded), ("now", self.current))
            for finding in part
        ]
        counts = {
            name: value for name, value in asdict(self.audit).items() if name not in ("passed", "findings")
        }
        head = {"run": str(self.run), "passed": self.verdict}
        return json.dumps({**head, **counts, "findings": findings}, indent=2)


def review(run: Path, free: Collection[str], submission: Path | None = None) -> Review:
    """Check the run in the folder `run` again. Raises InputError if it holds no audit.

    free: keys of the configuration that may change when a run is resumed.
    submission: a submission to check against the run's model, or None.
    """
    audit = audit_record.read(run / "audit.json")
    current = check_again(run, audit, free)
    if submission is not None:
        current.append(check_submission(submission, run / "best.pt"))
    checked = {finding.rule for finding in current}
    recorded = [finding for finding in audit_record.complete(audit.findings) if finding.rule not in checked]
    return Review(run, audit, recorded, current)


def check_again(run: Path, audit: Audit, free: Collection[str]) -> list[Finding]:
    """Check the run's folder: it holds one model, best.pt is the scored one, config.yaml has its settings."""
    model = _check_best(run)
    if model.passed is False or not (run / "best.pt").is_file():
        return [
            audit_record.single_model(run),
            model,
            Finding("settings", None, "there is no intact best.pt to compare with"),
        ]
    from telltale.models import checkpoint

    try:
        content = checkpoint.load(run / "best.pt")
    except InputError as error:
        model = Finding("checkpoint", False, str(error))
        return [
            audit_record.single_model(run),
            model,
            Finding("settings", None, "best.pt, which also holds the settings, is damaged"),
        ]
    return [
        audit_record.single_model(run),
        _check_origin(run, audit, content, model),
        _check_settings(run, content, free),
    ]


def check_submission(file: Path, best: Path) -> Finding:
    """Check that a submission has the numbers of the score file beside it, made by the checkpoint `best`."""
    try:
        submitted = read_scores(file)
        if any(score.status != "submitted" for score in submitted.values()):
            raise InputError(
                f"{file}: is a file of scores; wanted the submission, with video_name and a column of scores"
            )
        if (described := sidecar.of_submission(file)) is None:
            side = sidecar.path_of(sidecar.scores_of(file))
            raise InputError(
                f"{side}: does not exist; wanted the side file that predict.py writes with {file.name}"
            )
        origin, scored = sidecar.check(described[0]), read_scores(described[0])
        model = sha256(best)
    except InputError as error:
        return Finding("submission", False, str(error))
    if origin.model_sha256 != model:
        return Finding(
            "submission", False, f"{file}: scored by model {origin.model_sha256}, but {best} is {model}"
        )
    if difference := sidecar.differences(submitted, scored):
        return Finding("submission", False, f"{file}: {difference}")
    unscored = [name for name, score in scored.items() if score.fake_probability is None]
    detail = f"{len(submitted) - len(unscored):,} numbers of model {model}"
    if unscored:
        fallback = submitted[unscored[0]].fake_probability
        detail += f"; {len(unscored):,} videos not scored, {fallback:.10f} for each"
    return Finding("submission", True, detail)


def _check_best(run: Path) -> Finding:
    """Check that best.pt is the checkpoint that made validation_scores.csv, by its SHA-256."""
    scores, best = run / "validation_scores.csv", run / "best.pt"
    if not best.is_file():
        return Finding("checkpoint", None, f"{best} does not exist")
    digest = sha256(best)
    if not sidecar.path_of(scores).is_file():
        return Finding(
            "checkpoint",
            None,
            f"best.pt is {digest}; there is no {sidecar.path_of(scores).name} to compare it with",
        )
    try:
        origin = sidecar.check(scores)
    except InputError as error:
        return Finding("checkpoint", False, str(error))
    if origin.model_sha256 != digest:
        detail = (
            f"best.pt is {digest}, but validation_scores.csv was scored by {origin.model_sha256}; it is "
            "another or damaged"
        )
        return Finding("checkpoint", False, detail)
    return Finding(
        "checkpoint",
        True,
        f"best.pt is {digest}, which made the {origin.rows:,} rows of validation_scores.csv",
    )


def _check_origin(run: Path, audit: Audit, content: dict[str, Any], model: Finding) -> Finding:
    """Check the data and the first weights that best.pt names against the other files of the run.

    content: the content of best.pt.
    model: the finding of `_check_best`, which is returned with the data added if nothing differs.
    """
    data = content.get("data")
    if model.passed and (scored := sidecar.read(run / "validation_scores.csv").data) != data:
        return Finding(
            "checkpoint", False, f"best.pt was trained on data {data}, validation_scores.json says {scored}"
        )
    if audit.provenance != content.get("provenance"):
        return Finding(
            "checkpoint", False, "best.pt says that it began with other weights than audit.json does"
        )
    return Finding("checkpoint", model.passed, f"{model.detail}, trained on data {data}")


def _check_settings(run: Path, content: dict[str, Any], free: Collection[str]) -> Finding:
    """Check that config.yaml has the settings that best.pt holds."""
    try:
        written = config.flatten(config.read(run / "config.yaml").model_dump(mode="json"))
        trained = config.flatten(
            config.parse(content["config"], str(run / "best.pt")).model_dump(mode="json")
        )
    except InputError as error:
        return Finding("settings", False, str(error))
    # The keys of `free` may differ: the run may have been resumed with other values after its best epoch.
    differing = [key for key in trained if trained[key] != written.get(key) and key not in free]
    if differing:
        detail = ", ".join(
            f"{key} is {written.get(key)!r} in config.yaml, {trained[key]!r} in best.pt"
            for key in differing[:5]
        )
        more = f", and {len(differing) - 5} more" if len(differing) > 5 else ""
        return Finding("settings", False, detail + more)
    return Finding("settings", True, "config.yaml holds what best.pt was trained with")
