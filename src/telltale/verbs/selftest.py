"""`telltale selftest BUNDLE`: is this machine's decoding, mel image and model what it was where the bundle was made?

The bundle's golden clips go through all of it, stage by stage, in less than a minute and without any data. Exit status 1 where
a stage differs by more than its tolerance.
"""

import argparse
import time
from pathlib import Path

from telltale.entry import demand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that telltale bundle wrote")


def run(args: argparse.Namespace) -> int:
    """Print a line for each stage; 0 if all pass, else 1. Raises InputError for what is no bundle."""
    demand(args.bundle / "bundle.json")
    from telltale import bundle, reproduction, versions
    from telltale.verbs.reproduce import line

    began = time.monotonic()
    found = bundle.read(args.bundle)
    findings = reproduction.golden_findings(found)
    print("\n".join(map(line, findings)))
    passed = all(finding.passed for finding in findings)
    there = {"code": found.code, "packages": found.packages, "machine": found.machine}
    other = [*versions.differences(there), *versions.machine_differences(there)]
    if other:
        print(f"  note  this is another machine: {'; '.join(other)}")
    print(f"{'PASS' if passed else 'FAIL'} in {time.monotonic() - began:.0f} s")
    return 0 if passed else 1
