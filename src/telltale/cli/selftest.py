"""Whether this machine's decoding, mel image and model give what they gave where a bundle was made.

The bundle's golden clips go through them, stage by stage, in less than a minute and without any data. The
exit status is 1 if a stage differs by more than its tolerance.

With --gpu it checks instead what only a GPU can show, on drawn data, in about an hour. The exit status is 1
if a row failed and 2 if there is no GPU.
"""

import argparse
import tempfile
import time
from pathlib import Path

from telltale.errors import InputError
from telltale.runtime.entry import require_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundle", type=Path, nargs="?", metavar="BUNDLE", help="folder that telltale bundle wrote"
    )
    parser.add_argument(
        "--gpu", action="store_true", help="check training and prediction on this machine's GPUs"
    )
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="of --gpu; cpu is a dry run of the check"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="ROW", help="rows of --gpu that begin so"
    )
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="write the table of --gpu there")


def run(args: argparse.Namespace) -> int:
    """Print a line for each stage; 0 if all pass, else 1.

    Raises InputError for a folder that is no bundle, and for --gpu if there is no GPU.
    """
    if args.gpu == (args.bundle is not None):
        raise InputError("selftest: wanted a bundle's folder, or --gpu")
    return _gpu(args) if args.gpu else _bundle(args.bundle)


def _gpu(args: argparse.Namespace) -> int:
    from telltale.demo.dataset import DatasetSpec, write_dataset
    from telltale.files import write_text
    from telltale.reproduce import gpu_check
    from telltale.runtime import threads

    device = gpu_check.device_of(args.device)
    with tempfile.TemporaryDirectory() as scratch:
        data, (seconds, size) = Path(scratch) / "data", gpu_check.CLIP[device]
        spec = DatasetSpec(gpu_check.COUNTS[device], seed=3, seconds=seconds, size=size)
        write_dataset(data, spec, workers=threads.cores())
        rows = gpu_check.run(gpu_check.Check(Path(scratch), data, device), args.only)
    if args.write is not None:
        write_text(args.write, gpu_check.page(rows, device))
    return int(any(row.status.startswith("FAILED") for row in rows))


def _bundle(folder: Path) -> int:
    require_files(folder / "bundle.json")
    from telltale.cli.reproduce import line
    from telltale.reproduce import bundle, tiers
    from telltale.runtime import environment

    began = time.monotonic()
    content = bundle.read(folder)
    findings = tiers.golden_findings(content)
    print("\n".join(map(line, findings)))
    passed = all(finding.passed for finding in findings)
    there = {"code": content.code, "packages": content.packages, "machine": content.machine}
    other = [*environment.differences(there), *environment.machine_differences(there)]
    if other:
        print(f"  note  this is another machine: {'; '.join(other)}")
    print(f"{'PASS' if passed else 'FAIL'} in {time.monotonic() - began:.0f} s")
    return 0 if passed else 1
