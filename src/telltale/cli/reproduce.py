"""Get a bundle's numbers again: from its scores, from its weights, or by training.

Before any tier the bundle is checked: every file by its hash, the files against each other, the versions.
Each line is a check with its figures. The last line is PASS, or FAIL with the causes, and the exit status is
0 or 1. Nothing is downloaded.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.errors import InputError
from telltale.files import sha256, write_text
from telltale.runtime.entry import require_files

if TYPE_CHECKING:
    from telltale.competition.audit_record import Finding
    from telltale.reproduce.bundle import Bundle

TIERS, RESULT = ("scores", "weights", "train"), "reproduction.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that telltale bundle wrote")
    parser.add_argument(
        "--tier", choices=(*TIERS, "all"), default="all", help="how much to do again (default: all)"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder; weights and train want it")
    parser.add_argument(
        "--out", type=Path, default=Path("reproduction"), help="folder for results (default: reproduction)"
    )
    parser.add_argument("--sha256", metavar="HEX", help="what bundle.json's SHA-256 was published to be")
    parser.add_argument(
        "--other-versions",
        action="store_true",
        help="go on with another version of the program or its packages, and say so",
    )


def run(args: argparse.Namespace) -> int:
    """Do the tiers and print their findings; 0 if all pass, else 1.

    Raises InputError for a folder that is no bundle, and if a tier needs --data.
    """
    require_files(args.bundle / "bundle.json", *([args.data] if args.data else []))
    from telltale.reproduce import bundle

    chosen = TIERS if args.tier == "all" else (args.tier,)
    if args.data is None and chosen != ("scores",):
        raise InputError(
            f"--tier {args.tier}: wanted --data DIR, the folder with the labels and videos that were used"
        )
    content = bundle.read(args.bundle)
    if args.out.resolve().is_relative_to(args.bundle.resolve()):
        raise InputError(
            f"--out {args.out}: lies in the bundle, which nothing is written to; give a folder elsewhere"
        )
    resume = begin(args.out)
    began, findings = time.monotonic(), []
    print(
        f"{args.bundle}: {content.model} {content.model_sha256[:16]}, validation AUC "
        f"{content.validation_auc:.6f}, {content.date}"
    )
    for tier, steps in stages(args, content, chosen, resume):
        print(f"\n{tier}", flush=True)
        for finding in reported(tier, steps):
            print(line(finding), flush=True)
            findings.append((tier, finding))
        if tier == "bundle" and not all(finding.passed for _, finding in findings):
            break  # the tiers would fail too, and not say why
    return conclude(findings, args.out, time.monotonic() - began)


def begin(out: Path) -> bool:
    """Make the folder; whether a reproduction that was interrupted there is to go on.

    One that came to its end there is done again from the start. Raises InputError if it cannot be written.
    """
    ended = out / RESULT
    try:
        out.mkdir(parents=True, exist_ok=True)
        resume = not ended.exists()
        ended.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"--out {out}: cannot be written ({error.strerror}); give a folder that can"
        ) from None
    return resume


def reported(tier: str, steps: "Iterator[Finding]") -> "Iterator[Finding]":
    """The findings of a tier. An InputError ends the tier and becomes its last finding, which failed."""
    from telltale.competition.audit_record import Finding

    try:
        yield from steps
    except InputError as error:
        yield Finding(tier, False, str(error))


def stages(
    args: argparse.Namespace, content: "Bundle", chosen: tuple[str, ...], resume: bool
) -> "Iterator[tuple[str, Iterator[Finding]]]":
    from telltale.competition.audit_record import Finding
    from telltale.reproduce import bundle, tiers
    from telltale.runtime import environment

    packages = environment.TABLES if chosen == ("scores",) else None

    def checks_of_the_bundle() -> Iterator[Finding]:
        if args.sha256 is not None:
            digest = sha256(args.bundle / bundle.MANIFEST)
            same = digest == args.sha256.lower()
            yield Finding(
                "bundle.json",
                same,
                digest if same else f"its SHA-256 is {digest}, published was {args.sha256}",
            )
        yield from tiers.intact(content, other_versions=args.other_versions, packages=packages)

    yield "bundle", checks_of_the_bundle()
    for tier in chosen:
        out = args.out / tier
        if tier == "scores":
            yield tier, tiers.scores(content, out)
        elif tier == "weights":
            yield tier, tiers.weights(content, args.data, out)
        else:
            yield tier, tiers.train(content, args.data, out, resume=resume)


def line(finding: "Finding") -> str:
    return f"  {'pass' if finding.passed else 'FAIL'}  {finding.rule:<24} {finding.detail}"


def conclude(findings: "list[tuple[str, Finding]]", out: Path, seconds: float) -> int:
    """Write reproduction.json and print the verdict."""
    failed = [finding for _, finding in findings if not finding.passed]
    tree = {
        "passed": not failed,
        "seconds": seconds,
        "findings": [{"tier": tier, **asdict(one)} for tier, one in findings],
    }
    write_text(out / RESULT, json.dumps(tree, indent=1) + "\n")
    if failed:
        causes = "; ".join(f"{finding.rule}: {finding.detail}" for finding in failed)
        print(f"\nFAIL after {seconds:.0f} s: {causes}")
        return 1
    print(f"\nPASS: {len(findings)} checks in {seconds:.0f} s; tables and figures in {out}")
    return 0
