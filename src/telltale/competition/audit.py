"""The audit of a run looked at again: what its folder shows now, and whether a submission is this model's.

What training wrote down in audit.json is believed. What can be looked at again is: the folder's files of
weights, best.pt by its SHA-256, config.yaml against the settings in best.pt, and a submission's numbers.
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
from telltale.scores.score import read_scores

COLUMNS = 100


@dataclass(frozen=True)
class Review:
    """A run's audit: the findings that training wrote down, and those of what was looked at again."""

    run: Path
    audit: Audit
    written: list[Finding]
    current: list[Finding]

    @property
    def verdict(self) -> bool | None:
        return audit_record.verdict([*self.written, *self.current])

    def page(self) -> list[str]:
        """The lines of the page, the verdict first."""
        findings, verdict = [*self.written, *self.current], self.verdict
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
            ("as training wrote it down", self.written),
            ("as it is found now", self.current),
        ):
            lines += ["", title, audit_record.page(part, COLUMNS, width)]
        return lines

    def as_json(self) -> str:
        """The same for programs: verdict and findings, passed true, false or null for not known; found:
        "training" or "now"."""
        findings = [
            {**asdict(finding), "found": when}
            for when, part in (("training", self.written), ("now", self.current))
            for finding in part
        ]
        counts = {
            name: value for name, value in asdict(self.audit).items() if name not in ("passed", "findings")
        }
        head = {"run": str(self.run), "passed": self.verdict}
        return json.dumps({**head, **counts, "findings": findings}, indent=2)


def review(run: Path, free: Collection[str], submission: Path | None = None) -> Review:
    """Look again at the run in `run`, and at a submission of it. Raises InputError if it holds no audit.

    free: the configuration's keys that a resumed run may have been given anew.
    """
    audit = audit_record.read(run / "audit.json")
    current = check_again(run, audit, free)
    if submission is not None:
        current.append(check_submission(submission, run / "best.pt"))
    again = {finding.rule for finding in current}
    written = [finding for finding in audit_record.complete(audit.findings) if finding.rule not in again]
    return Review(run, audit, written, current)


def check_again(run: Path, audit: Audit, free: Collection[str]) -> list[Finding]:
    """What the run's folder itself shows now: one model, best.pt the one that was scored, config.yaml the one
    trained with."""
    model = _model(run)
    if model.passed is False or not (run / "best.pt").is_file():
        return [
            audit_record.single_model(run),
            model,
            Finding("settings", None, "there is no sound best.pt to compare with"),
        ]
    from telltale.models import checkpoint

    try:
        content = checkpoint.load(run / "best.pt")
    except InputError as error:
        model = Finding("checkpoint", False, str(error))
        return [
            audit_record.single_model(run),
            model,
            Finding("settings", None, "best.pt, which holds them too, is damaged"),
        ]
    return [
        audit_record.single_model(run),
        _content(run, audit, content, model),
        _settings(run, content, free),
    ]


def check_submission(file: Path, best: Path) -> Finding:
    """Whether every number of a submission is that of the scores beside it, and these are of the one model
    `best`."""
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
        model = sha256(best)
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


def _model(run: Path) -> Finding:
    """Whether best.pt is the file that gave validation_scores.csv."""
    scores, best = run / "validation_scores.csv", run / "best.pt"
    if not best.is_file():
        return Finding("checkpoint", None, f"{best} is not there")
    digest = sha256(best)
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


def _content(run: Path, audit: Audit, content: dict[str, Any], model: Finding) -> Finding:
    """`model`, or what is wrong with what best.pt says of its data and of the weights that it began with."""
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


def _settings(run: Path, content: dict[str, Any], free: Collection[str]) -> Finding:
    """Whether config.yaml says the settings that best.pt holds."""
    try:
        written = config.flatten(config.read(run / "config.yaml").model_dump(mode="json"))
        trained = config.flatten(
            config.parse(content["config"], str(run / "best.pt")).model_dump(mode="json")
        )
    except InputError as error:
        return Finding("settings", False, str(error))
    # A resumed run may have been given these anew after the best epoch.
    apart = [key for key in trained if trained[key] != written.get(key) and key not in free]
    if apart:
        said = ", ".join(
            f"{key} is {written.get(key)!r} in config.yaml, {trained[key]!r} in best.pt" for key in apart[:5]
        )
        return Finding("settings", False, said + (f", and {len(apart) - 5} more" if len(apart) > 5 else ""))
    return Finding("settings", True, "config.yaml holds what best.pt was trained with")
