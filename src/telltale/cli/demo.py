"""The whole job on drawn data, by the commands that a user would type.

    telltale demo-data → train → predict → validate-submission → evaluate

Each command is printed before it runs. A demo that was interrupted goes on if it is run again: the data is
kept, and training resumes.
"""

import argparse
import shlex
import shutil
import sys
import time
from pathlib import Path

from telltale.errors import InputError
from telltale.runtime.programs import as_typed, call, telltale

MARK = ".telltale-demo"
MADE = ("data", "run", "evaluation")
RESULTS = {
    "submission.csv": "what is handed in: video_name,score",
    "scores.csv": "the same with each video's status and seconds; scores.json says where it comes from",
    "run/curves.png": "loss and validation AUC by epoch",
    "run/audit.json": "the competition's rules, checked",
    "evaluation/metrics.json": "AUC, TPR at low FPR, EER with intervals, over all and by kind of forgery",
    "evaluation/kinds.png": "AUC of each kind of forgery, seen and unseen",
    "evaluation/roc.png": "ROC on a logarithmic axis of FPR",
    "data/meta.csv": "which clip is which kind of forgery",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the demo (default: demo)")
    parser.add_argument(
        "--force", action="store_true", help="delete an earlier demo in that folder and begin anew"
    )


def run(args: argparse.Namespace) -> int:
    """Run the steps; return 0, or the status of the first that failed.

    Raises InputError for a folder that is not a demo's.
    """
    claim(args.out, force=args.force)
    began = time.monotonic()
    for command in steps(args.out):
        print(f"\n$ {as_typed(command)}", flush=True)
        if status := call(command):
            again = shlex.join(["telltale", "demo", "--out", str(args.out)])
            print(
                f"\nThe demo stopped: the last command ended with status {status}; `{again}` goes on.",
                file=sys.stderr,
            )
            return status
    print(f"\nThe demo took {time.monotonic() - began:.0f} s. To look at:")
    for name, what in RESULTS.items():
        print(f"  {args.out / name!s:36} {what}")
    return 0


def claim(out: Path, *, force: bool) -> None:
    """Mark the folder as a demo's, and empty it if `force`. Raises InputError for a folder that holds
    something else."""
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: holds something that is not a demo; give another --out")
    if force:
        for name in MADE:
            shutil.rmtree(out / name, ignore_errors=True)
        for file in out.glob("*.csv*"):
            file.unlink()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); give another --out") from None


def steps(out: Path) -> list[list[str]]:
    """The commands that are left to do in `out`, in order."""
    data, run_folder, submission = out / "data", out / "run", out / "submission.csv"
    train = telltale("train", "--config", "demo", "--data", data, "--out", run_folder)
    predict = telltale("predict", "--checkpoint", run_folder / "best.pt", "--videos", data / "test")
    predict += ["--list", str(data / "test_template.csv"), "--out", str(submission)]
    validate = telltale("validate-submission", submission, "--list", data / "test_template.csv")
    evaluate = telltale("evaluate", "--labels", data / "test_labels.csv", "--scores", submission)
    evaluate += ["--groups", f"{data / 'meta.csv'}:kind", "--out", str(out / "evaluation")]
    if run_folder.exists():
        train.append("--resume")
    commands = [train, predict, validate, evaluate]
    if not (data / "meta.csv").exists():  # written last
        commands.insert(0, telltale("demo-data", "--out", data))
    return commands
