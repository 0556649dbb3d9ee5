"""Score videos with a trained model and write submission.csv, with scores.csv and its origin, scores.json, beside it.

    python predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv [--list template.csv]
    torchrun --nproc-per-node=2 predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv

`telltale predict` is the same. Every name in --list (or every .mp4 in DIR) gets exactly one row, in that order. What cannot be
read gets the fallback chosen by --on-unreadable and a status in scores.csv. Killed at any moment, the same command does the
rest, and the result is the same.
"""

import argparse
from pathlib import Path

from telltale.entry import guarded
from telltale.signals import watched

UNREADABLE = "score of a video that cannot be read: the mean training score, predict.unreadable_value, or stop with status 1"
SETTABLE = "override one key that training left open, such as predict.spans=3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, help="RUN/best.pt")
    parser.add_argument("--videos", type=Path, required=True, help="folder that holds the videos")
    parser.add_argument("--out", type=Path, required=True, help="the submission to write")
    parser.add_argument("--list", type=Path, help="CSV with a video_name column: which videos, in which order")
    parser.add_argument("--on-unreadable", choices=("mean", "value", "fail"), help=UNREADABLE)
    parser.add_argument("--store", type=Path, metavar="DIR", help="keep decoded clips here, and take them from here")
    parser.add_argument(
        "--maps", type=Path, metavar="DIR", help="write each clip's forgery map there, of a model that draws them"
    )
    parser.add_argument(
        "--profile", nargs="?", const="", metavar="FILE.json", help="print where the time went, or write it too"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SETTABLE)


def predict(args: argparse.Namespace) -> int:
    from telltale import checkpoint, config, manifest

    overrides = [*args.set, *([f"predict.on_unreadable={args.on_unreadable}"] if args.on_unreadable else [])]
    config.check_overrides(overrides, config.SETTABLE)
    checkpoint.check(args.checkpoint)
    rows = manifest.rows_to_score(args.videos, args.list)
    with watched() as watch:
        # Now torch, which takes seconds to load: whatever is wrong with what was read so far has been said.
        from telltale import place, prediction

        settings, content = prediction.read(args.checkpoint, overrides)
        with (
            place.join(settings.threads, deterministic=settings.deterministic) as here,
            prediction.Work(rows, settings, here, args.checkpoint, args.out, args.store, args.maps) as work,
        ):
            # The workers decode while the model is built.
            scores = work.score(prediction.build(content, settings, args.checkpoint), watch)
            about = work.about(args.videos, overrides)
            status = prediction.write(scores, settings, content, args.out, about) if here.main else 0
            here.gather("written")
            work.journal.remove()
            if here.main and args.profile is not None:
                prediction.report_profile(work.profile, args.profile)
    return status


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    return parser.parse_args(given)


def main() -> int:
    return guarded(lambda: predict(arguments()))


run = predict  # the name that telltale calls a verb by
