"""The audit of a run as a record: the types `Finding` and `Audit`, and the file `audit.json` of a run.

`rules.py` makes the findings. This module does not import torch.

A finding passed, failed, or is not known. It is not known if training has not ended, or if the version of
telltale that trained the run did not check the rule.
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

# The rules on the data that a run read and on its folder. The other rules are on the model.
OF_THE_RUN = ("data used", "files read", "single model", "packages", "downloads")
CHECKPOINTS = (".pt", ".pth", ".safetensors", ".ckpt")
ALLOWED = ("best.pt", "last.pt")
STATE = {True: "pass", False: "FAIL", None: "not known"}


@dataclass(frozen=True)
class Finding:
    """The result of checking one rule. Raises InputError for values of other types.

    passed: None means not known.
    detail: the numbers or the reason, in words.
    """

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
    """The counts of a model and the findings on its run.

    model: name of the detector.
    passed: the `verdict` of the findings.
    parameters: number of values in all parameter tensors.
    thop_parameters: number of parameters as thop counts them.
    macs: multiply-adds of one clip as thop counts them.
    limit: the largest number of parameters allowed, for either count.
    provenance: for each tower the weights that training began with, a `weights.Provenance` as a mapping.
    findings: one for each rule.
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
        """This audit with more findings. A finding takes the position of an earlier one of the same rule."""
        rules = {finding.rule: finding for finding in (*self.findings, *findings)}
        return replace(self, findings=tuple(rules.values()), passed=verdict(rules.values()))


def verdict(findings: Iterable[Finding]) -> bool | None:
    """False if a finding failed; otherwise None if one is not known or there is none; otherwise True."""
    states = {finding.passed for finding in findings} or {None}
    return False if False in states else None if None in states else True


def complete(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, and "not known" for each rule of OF_THE_RUN without one, as in audits of old versions."""
    rules = {finding.rule for finding in findings}
    old = "the version of telltale that made the run did not check this; train again to know"
    return (*findings, *(Finding(rule, None, old) for rule in OF_THE_RUN if rule not in rules))


def checkpoints(run: Path) -> list[str]:
    """Sorted relative names of all files of weights in the run's folder, without its best.pt and last.pt."""
    names = (
        path.relative_to(run).as_posix() for path in run.rglob("*") if path.suffix.lower() in CHECKPOINTS
    )
    return sorted(name for name in names if name not in ALLOWED)


def single_model(run: Path) -> Finding:
    """Check that the run's folder holds one model: best.pt, and no other weights than last.pt.

    last.pt is the state that training resumes from. A bundle does not contain it.
    """
    if extra := checkpoints(run):
        return Finding(
            "single model", False, f"{len(extra)} more beside best.pt: {', '.join(extra)}; one is allowed"
        )
    present = [name for name in ALLOWED if (run / name).is_file()]
    if "best.pt" not in present:
        return Finding("single model", None, f"{run} holds no best.pt: training has saved no model yet")
    return Finding(
        "single model", True, f"{' and its last state '.join(present)}, and no other file of weights"
    )


def write(audit: Audit, path: Path) -> None:
    """Write audit.json whole or not at all. Keys are sorted, so that equal audits are equal bytes."""
    write_text(path, json.dumps(asdict(audit), indent=2, sort_keys=True) + "\n")


def read(path: Path) -> Audit:
    """Read an audit.json. Raises InputError if it cannot be read or is not an audit."""
    tree = read_json(path, "the audit.json of a training run")
    try:
        findings = tuple(Finding(**finding) for finding in tree.pop("findings"))
        return Audit(**tree, findings=findings)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: is not an audit ({' '.join(str(error).split())}); train again to write it anew"
        ) from None


def one_line(audit: Audit) -> str:
    """The verdict and the counts in one line, as training prints them."""
    return (
        f"audit {words(audit.findings)}: {audit.model}, {audit.parameters:,} parameters "
        f"({audit.thop_parameters:,} by thop; limit {audit.limit:,}), {audit.macs / 1e9:.2f} GMACs a clip"
    )


def words(findings: Sequence[Finding]) -> str:
    """The verdict: "passed", "passed so far" if some are not known, or "FAILED" with the rules' names."""
    if broken := [finding.rule for finding in findings if finding.passed is False]:
        return f"FAILED ({', '.join(broken)})"
    return "passed so far" if verdict(findings) is None else "passed"


def page(findings: Sequence[Finding], columns: int = 100, width: int | None = None) -> str:
    """The findings as a table of text, one after another, in lines of at most `columns` characters.

    width: characters of the column with the rules' names; None: the longest name.
    """
    width = width or max(len(finding.rule) for finding in findings)
    heads = [f"{STATE[finding.passed]:<9}  {finding.rule:<{width}}  " for finding in findings]
    return "\n".join(
        line for head, f in zip(heads, findings, strict=True) for line in wrapped(f.detail, columns, head)
    )


def wrapped(text: str, columns: int, head: str = "") -> list[str]:
    """`head` and `text` in lines of at most `columns` characters. Later lines are indented as far as `head`.

    Of each SHA-256 in the text the first 16 digits are kept.
    """
    short = re.sub(r"\b([0-9a-f]{16})[0-9a-f]{48}\b", r"\1", text)
    return textwrap.wrap(
        short, columns, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
