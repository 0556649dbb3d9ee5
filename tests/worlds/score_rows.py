"""Scores with numbers, names and statuses that are hard to write and to read again."""

from telltale.scores.score import Score

ROWS = [
    Score("a.mp4", 0.1 + 0.2, "ok", 4.0),
    Score("b.mp4", None, "damaged", None),
    Score("c, d.mp4", 1 / 3, "no_sound", 3.9999999999999996),
    Score("é.mp4", 5e-324, "partial", 0.0),
    Score("e.mp4", None, "no_sound", 2.5),
]
