"""Pseudo-forgeries: what each kind costs, and a contact sheet of them on drawn clips.

    python -m bench.pseudo [--only NAME ...] [--size 160] [--repeats 20]   # ms of CPU time a span
    python -m bench.pseudo --sheet docs/pictures/pseudo.png [--seed 1]   # and pseudo_sound.png

A span is 24 frames and 2 s of sound at 16 kHz, of the demo's drawn people; no real clip is read. CPU time of
this process is counted, which waiting does not add to.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from bench.measure import Row
from bench.pseudo_sheet import draw_sheets, other_of, spans
from telltale.config import PseudoSettings
from telltale.errors import InputError
from telltale.forge.pseudo import KINDS, Kind, forge, permitted

LIMITS_MS = {"picture": 25.0, "sound": 15.0}  # of a span, in the mean over kinds


def costs(kinds: list[Kind], size: int, repeats: int) -> dict[str, np.ndarray]:
    """Name → milliseconds of CPU time (repeats,), each with another draw."""
    found = {}
    for kind in kinds:
        genuine, other = spans(1, size)[0], other_of(kind, 1, size)
        forge(genuine, (kind,), np.random.default_rng(0), other)  # libraries are loaded
        taken = np.empty(repeats)
        for number in range(repeats):
            began = time.process_time()
            forge(genuine, (kind,), np.random.default_rng(number), other)
            taken[number] = 1e3 * (time.process_time() - began)
        found[kind.name] = taken
    return found


def measure(repeats: int = 20) -> list[Row]:
    """The mean cost over the kinds that change pixels, and over the others, against their limits."""
    found = costs(list(KINDS.values()), 160, repeats)
    rows = []
    for what, limit in LIMITS_MS.items():
        means = [
            float(taken.mean())
            for name, taken in found.items()
            if (KINDS[name].cue in ("picture", "motion")) == (what == "picture")
        ]
        slowest = max(means)
        rows.append(
            Row(
                f"pseudo-forgery of {what}: ms a span, of {limit:g} ms",
                float(np.mean(means)) / limit,
                1.0 if repeats > 1 else None,
                detail=f"{np.mean(means):.1f} ms; the slowest kind {slowest:.1f} ms",
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.pseudo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="kinds (default: all)")
    parser.add_argument("--size", type=int, default=160, help="of frames, in pixels (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="PNG file of the pictures; the sounds go beside it, into NAME_sound.png",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sheet's people and draws")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        kinds = list(permitted(PseudoSettings(motion=1.0, kinds=args.only and tuple(args.only))))
    except InputError as error:
        raise SystemExit(str(error)) from None
    if args.sheet:
        draw_sheets(kinds, args.seed, args.sheet)
        return
    for name, taken in costs(kinds, args.size, args.repeats).items():
        print(f"{KINDS[name].cue:<9}{name:<26}{taken.mean():7.1f} ms  [{taken.min():.1f}, {taken.max():.1f}]")


if __name__ == "__main__":
    main()
