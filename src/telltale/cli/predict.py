"""Score videos with a trained model: write submission.csv, with scores.csv and its origin, scores.json,
beside it, or a table.

    python predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv [--list template.csv]
    python predict.py --checkpoint RUN/best.pt --videos clip.mp4 [MORE ...]
    torchrun --nproc-per-node=2 predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv

`telltale predict` is the same. Every name in --list, or every video that is given or lies in a folder (.mp4,
.mov, .mkv, .webm, .avi), gets exactly one row, in that order. Without --out the rows are printed, and no file
is written.

The submission's header is the template's: video_name,y_pred if --list has these two columns; video_name,score
for names alone and for a label file. What cannot be read gets the fallback chosen by --on-unreadable and a
status in scores.csv. Beside any other NAME.csv lie NAME.scores.csv and NAME.scores.json. Killed at any
moment, the same command does the rest, and the result is the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.runtime.entry import guarded
from telltale.runtime.signals import watch_signals
from telltale.scores.submission import SCORE

if TYPE_CHECKING:
    from telltale.data.manifest import Row
    from telltale.predict.outputs import Outputs

UNREADABLE = (
    "score of a video that cannot be read: the mean training score, predict.unreadable_value, or "
    "stop with status 1"
)
ALLOW_UNREAD = "write the submission even if fewer than half of the videos have a score (else: status 1)"
SETTABLE = "override one key that training left open, such as predict.spans=3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, help="RUN/best.pt")
    parser.add_argument(
        "--videos", type=Path, nargs="+", required=True, metavar="PATH", help="folders of videos, or videos"
    )
    parser.add_argument(
        "--out", type=Path, metavar="CSV", help="the submission to write (default: print a table)"
    )
    parser.add_argument(
        "--list", type=Path, metavar="CSV", help="a video_name column says which videos, in which order"
    )
    parser.add_argument(
        "--score-column", metavar="NAME", help="of the submission (default: as in --list, or score)"
    )
    parser.add_argument("--on-unreadable", choices=("mean", "value", "fail"), help=UNREADABLE)
    parser.add_argument("--allow-unread", action="store_true", help=ALLOW_UNREAD)
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="keep decoded clips here, and take them from here"
    )
    parser.add_argument(
        "--maps",
        type=Path,
        metavar="DIR",
        help="write each clip's forgery map there, of a model that draws them",
    )
    parser.add_argument(
        "--profile",
        nargs="?",
        const="",
        metavar="FILE.json",
        help="print where the time went, or write it too",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SETTABLE)


def predict(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.data import videos
    from telltale.models import checkpoint
    from telltale.predict import outputs

    overrides = [*args.set, *([f"predict.on_unreadable={args.on_unreadable}"] if args.on_unreadable else [])]
    config.check_overrides(overrides, config.SETTABLE)
    checkpoint.check(args.checkpoint)
    found = videos.rows_to_score(args.videos, args.list)
    files = _outputs(args, found.rows)
    with watch_signals() as watch, outputs.progress_beside(files) as out:
        # Now torch, which takes seconds to load: whatever is wrong with what was read so far has been said.
        from telltale.competition import rules
        from telltale.predict import prediction
        from telltale.runtime import distributed

        settings, content = prediction.read(args.checkpoint, overrides)
        paths = prediction.RunPaths(args.checkpoint, out, args.store, args.maps)
        with (
            distributed.join(settings.threads, deterministic=settings.deterministic) as process,
            prediction.ScoringRun(list(found.rows), settings, process, paths) as work,
        ):
            if process.main and found.left_out:
                print(found.left_out_in_words(), flush=True)
            # The workers decode while the model is built.
            model = prediction.restore(content, settings, args.checkpoint)
            rules.enforce(rules.audit(model, settings), settings)
            scores = work.score(model, watch)
            status = 0
            if process.main and files is None:
                status = outputs.print_table(scores, allow_unread=args.allow_unread)
            elif process.main and files is not None:
                source = work.source(outputs.describe(args.videos), overrides, content)
                status = files.write(scores, settings.predict, content["mean_score"], source)
            status = max(process.gather(status))
            if not status:
                work.journal.remove()
            if process.main and args.profile is not None:
                prediction.report_profile(work.profile, args.profile)
    return status


def _outputs(args: argparse.Namespace, rows: "Sequence[Row]") -> "Outputs | None":
    """The files to write, None for a table. Raises InputError if they cannot be written, before anything
    is decoded."""
    from telltale.predict.outputs import Outputs
    from telltale.scores.submission import check_column, score_column

    if args.score_column is not None:
        check_column(args.score_column)
    if args.out is None:
        return None
    column = args.score_column or (score_column(args.list) if args.list else SCORE)
    files = Outputs(args.out, column, args.allow_unread)
    profile = Path(args.profile) if args.profile else None
    inputs = {
        "--checkpoint": args.checkpoint,
        "--list": args.list,
        "--store": args.store,
        "--maps": args.maps,
    }
    files.check({**inputs, "--profile": profile}, rows)
    return files


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return parser.parse_args(given)


def main() -> int:
    return guarded(lambda: predict(arguments()), "telltale predict")


run = predict  # the name that telltale calls a verb by
