"""Times as users type them, names of time zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from telltale.competition.local_time import parse_time, zone_named
from telltale.errors import InputError

ROME = ZoneInfo("Europe/Rome")


def test_a_time_without_an_offset_is_of_the_given_zone() -> None:
    assert parse_time("2026-07-01T12:00", ROME) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert parse_time("2026-12-01 12:00:30.9", ROME) == datetime(2026, 12, 1, 11, 0, 30, tzinfo=UTC)
    assert parse_time("2026-07-01T12:00-07:00", ROME) == datetime(2026, 7, 1, 19, tzinfo=UTC)
    assert parse_time("2026-07-01T12:00Z", ROME) == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30", r"is skipped when the clocks change in Europe/Rome; wanted it with its offset"),
        ("2026-10-25T02:30", r"comes twice .* 2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00"),
        ("yesterday", r"time 'yesterday'; wanted date, time and offset in ISO 8601"),
        ("2026-11-21", r"time '2026-11-21'; wanted"),
        ("9999-12-31T23:59", r"time '9999.*'; wanted"),
        ("0001-01-01T00:00+14:00", r"time '0001.*'; wanted"),
    ],
)
def test_text_that_is_no_valid_time_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse_time(text, ROME)


@pytest.mark.parametrize(
    "name", ["Rome", "", "Europe", "../UTC", "/etc/localtime", "localtime", "posixrules", "right/UTC", "a\0"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not known; wanted a name such as Europe/Rome or UTC"):
        zone_named(name)
