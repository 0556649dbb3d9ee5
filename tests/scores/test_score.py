"""Scores refuse nonsense; their joins by name are one to one."""

import math

import pytest

from telltale.errors import InputError
from telltale.scores import score
from telltale.scores.score import Score, merge, status_counts

ROWS = [
    Score("a.mp4", 0.1 + 0.2, "ok", 4.0),
    Score("b.mp4", None, "damaged", None),
    Score("c, d.mp4", 1 / 3, "no_sound", 3.9999999999999996),
    Score("é.mp4", 5e-324, "partial", 0.0),
    Score("e.mp4", None, "no_sound", 2.5),
]


def test_merge_joins_by_name_one_to_one() -> None:
    a, b, c = ROWS[:3]
    names = [a.video_name, b.video_name, c.video_name]
    assert merge([{names[2]: c, names[0]: a}, {names[1]: b}], names) == [a, b, c]
    with pytest.raises(InputError, match=r"more than one part.*'a.mp4'"):
        merge([{names[0]: a}, dict(zip(names, (a, b, c), strict=True))], names)
    with pytest.raises(InputError, match=r"in no score part.*'c, d.mp4'"):
        merge([{names[0]: a, names[1]: b}], names)
    with pytest.raises(InputError, match=r"not asked for.*'b.mp4'"):
        merge([{names[0]: a, names[1]: b}], names[:1])
    with pytest.raises(InputError, match="asked for twice"):
        merge([{names[0]: a}], [names[0], names[0]])


def test_status_counts_as_text() -> None:
    assert status_counts([*ROWS, Score("x.mp4", 0.5, "ok", 1.0)]) == (
        "2 ok, 1 no_sound, 1 partial; 2 not scored: 1 damaged, 1 no_sound"
    )
    assert status_counts([ROWS[0]]) == "1 ok"
    assert status_counts([ROWS[1]]) == "none scored; 1 not scored: 1 damaged"


def test_first_few_names() -> None:
    assert score.first_few(["a", "b"]) == "'a', 'b'"
    assert score.first_few([str(n) for n in range(9)]) == "'0', '1', '2', '3', '4' and 4 more"


@pytest.mark.parametrize(
    ("probability", "status", "seconds"),
    [
        (math.nan, "ok", 1.0),
        (-1e-9, "ok", 1.0),
        (1.0000001, "ok", 1.0),
        (math.inf, "ok", 1.0),
        (0.5, "damaged", 1.0),
        (0.5, "", 1.0),
        (None, "ok", 1.0),
        (None, "partial", 1.0),
        (None, "", 1.0),
        (0.5, "ok", -1.0),
        (0.5, "ok", math.nan),
        (0.5, "ok", math.inf),
    ],
)
def test_a_score_refuses_nonsense(probability: float | None, status: str, seconds: float) -> None:
    with pytest.raises(InputError, match=r"of 'a.mp4'"):
        Score("a.mp4", probability, status, seconds)


def test_every_decode_failure_is_a_status_without_a_number() -> None:
    for status in (
        "missing",
        "empty",
        "refused",
        "damaged",
        "too_large",
        "no_stream",
        "failed",
        "not_finite",
    ):
        assert Score("a.mp4", None, status, None).fake_probability is None
