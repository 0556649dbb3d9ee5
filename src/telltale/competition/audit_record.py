"""The audit of a run, as a record: `audit.json` in the run's folder. `competition/rules.py` fills it in; here
it is written and read.

Free of torch. A finding passed, failed, or is not known: of a run that has not ended, or of one made before
it was looked at.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.files import read_json, write_text

# What is said of the data that a run read and of its folder, beside the rules on the model itself.
OF_THE_RUN = ("data used", "files read", "single model", "packages", "downloads")
CHECKPOINTS = (".pt", ".pth", ".safetensors", ".ckpt")
ALLOWED = ("best.pt", "last.pt")
STATE = {True: "pass", False: "FAIL", None: "not known"}


@dataclass(frozen=True)
class Finding:
    """One rule, whether it is kept (None: not known), and the figures or reason in words. Raises InputError
    for other types."""

    rule: str
    passed: bool | None
    detail: str

    def __post_init__(self) -> None:
        if (
            self.passed not in (True, False, None)
            or not isinstance(self.rule, str)
            or not isinstance(self.detail, str)
        ):
            raise InputError(
                f"finding '{self.rule}' passed: {self.passed!r}; wanted true, false or null, and words"
            )


@dataclass(frozen=True)
class Audit:
    """What was counted and found.

    `parameters` counts every parameter tensor; `thop_parameters` and `macs` (multiply-adds of one clip) are
    thop's; `limit` is for both counts. `provenance` says per tower which weights it began with. `passed`: the
    `verdict` of the findings.
    """

    model: str
    passed: bool | None
    parameters: int
    thop_parameters: int
    macs: int
    limit: int
    provenance: dict[str, dict[str, Any]]
    findings: tuple[Finding, ...]

    def having(self, findings: Iterable[Finding]) -> "Audit":
        """This audit with more findings; one of a rule that is there already takes its place."""
        rules = {finding.rule: finding for finding in (*self.findings, *findings)}
        return replace(self, findings=tuple(rules.values()), passed=verdict(rules.values()))


def verdict(findings: Iterable[Finding]) -> bool | None:
    """False if any failed; else None if any is not known, or there is none; else True."""
    states = {finding.passed for finding in findings} or {None}
    return False if False in states else None if None in states else True


def complete(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, and one "not known" for each of OF_THE_RUN that is not among them: an audit made before
    they were."""
    there = {finding.rule for finding in findings}
    old = "the run was made by a telltale that did not look at this; train again to know"
    return (*findings, *(Finding(rule, None, old) for rule in OF_THE_RUN if rule not in there))


def checkpoints(run: Path) -> list[str]:
    """Files of weights below the run's folder beside its best.pt and last.pt, by their names below it,
    sorted."""
    found = (
        path.relative_to(run).as_posix() for path in run.rglob("*") if path.suffix.lower() in CHECKPOINTS
    )
    return sorted(name for name in found if name not in ALLOWED)


def single_model(run: Path) -> Finding:
    """The rule of one single model: best.pt, at most last.pt beside it, which a bundle leaves out, and no
    other weights."""
    if extra := checkpoints(run):
        return Finding(
            "single model", False, f"{len(extra)} more beside best.pt: {', '.join(extra)}; one is allowed"
        )
    there = [name for name in ALLOWED if (run / name).is_file()]
    if "best.pt" not in there:
        return Finding("single model", None, f"{run} holds no best.pt: training has saved no model yet")
    return Finding(
        "single model", True, f"{' and its last state '.join(there)}, and no other file of weights"
    )


def write(audit: Audit, path: Path) -> None:
    """Write audit.json: indented, keys sorted, so that two equal audits are equal bytes. It lands whole or
    not at all."""
    write_text(path, json.dumps(asdict(audit), indent=2, sort_keys=True) + "\n")


def read(path: Path) -> Audit:
    """The audit in `path`. Raises InputError where there is none or where it is not one."""
    tree = read_json(path, "the audit.json of a training run")
    try:
        findings = tuple(Finding(**finding) for finding in tree.pop("findings"))
        return Audit(**tree, findings=findings)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: is not an audit ({' '.join(str(error).split())}); train again to write it anew"
        ) from None


def one_line(audit: Audit) -> str:
    """The audit in one line, for the program's output."""
    return (
        f"audit {words(audit.findings)}: {audit.model}, {audit.parameters:,} parameters "
        f"({audit.thop_parameters:,} by thop; "
        f"limit {audit.limit:,}), {audit.macs / 1e9:.2f} GMACs a clip"
    )


def words(findings: Sequence[Finding]) -> str:
    """The verdict: "passed", "FAILED" and which rules, or "passed so far" where some are not known."""
    if broken := [finding.rule for finding in findings if finding.passed is False]:
        return f"FAILED ({', '.join(broken)})"
    return "passed so far" if verdict(findings) is None else "passed"


def page(findings: Sequence[Finding], columns: int = 100, width: int | None = None) -> str:
    """The findings, one rule after the other, in lines of at most `columns`; width: of the column of
    rules."""
    width = width or max(len(finding.rule) for finding in findings)
    heads = [f"{STATE[finding.passed]:<9}  {finding.rule:<{width}}  " for finding in findings]
    return "\n".join(
        line for head, f in zip(heads, findings, strict=True) for line in wrapped(f.detail, columns, head)
    )


def wrapped(text: str, columns: int, head: str = "") -> list[str]:
    """`text` behind `head` in lines of at most `columns`, indented alike; a SHA-256 is cut to its first 16
    digits."""
    said = re.sub(r"\b([0-9a-f]{16})[0-9a-f]{48}\b", r"\1", text)
    return textwrap.wrap(
        said, columns, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
