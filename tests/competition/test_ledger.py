"""Days of the ledger, in zones whose clocks change, and what a submission refuses."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from telltale.competition.ledger import Ledger, Submission
from telltale.competition.local_time import midnight, parse_time
from telltale.errors import InputError

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
PLAIN = Submission(1, NOON, "validation", "submission.csv", "0123456789abcdef" * 4)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Rome", date(2026, 3, 29), 23),
        ("Europe/Rome", date(2026, 10, 25), 25),
        ("Europe/Rome", date(2026, 11, 21), 24),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Havana", date(2026, 11, 1), 25),  # midnight comes twice
        ("America/Havana", date(2026, 3, 8), 23),  # and is skipped
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
        ("Pacific/Apia", date(2011, 12, 29), 24),  # the 30th was left out
        ("UTC", date(2024, 2, 29), 24),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, day: date, hours: float) -> None:
    local = ZoneInfo(zone)
    # Expected, counted: of four days every quarter of an hour that has the date.
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
    quarters = [begin + timedelta(minutes=15 * step) for step in range(4 * 24 * 4)]
    of_day = [quarter for quarter in quarters if quarter.astimezone(local).date() == day]
    assert len(of_day) / 4 == hours
    ledger = Ledger(local)
    assert midnight(local, day) == of_day[0]
    assert {ledger.day_ends(quarter) for quarter in of_day} == {of_day[-1] + timedelta(minutes=15)}
    assert {ledger.day(quarter) for quarter in of_day} == {day}


def test_submissions_count_on_the_day_of_the_zone() -> None:
    def at(text: str, number: int) -> Submission:
        return replace(PLAIN, id=number, submitted=parse_time(text))

    entries = (at("2026-10-24T21:59:59Z", 1), at("2026-10-24T22:00:00Z", 2), at("2026-10-25T22:59:59Z", 3))
    entries += (at("2026-10-25T23:00:00Z", 4), replace(at("2026-10-25T12:00:00Z", 5), phase="test"))
    assert [entry.id for entry in Ledger(ROME, entries).on(date(2026, 10, 25), "validation")] == [2, 3]
    assert [entry.id for entry in Ledger(ZoneInfo("UTC"), entries).on(date(2026, 10, 25), "validation")] == [
        3,
        4,
    ]


def test_a_submission_refuses_a_time_that_is_not_in_utc() -> None:
    for when in (NOON.replace(tzinfo=None), NOON.astimezone(ROME)):
        with pytest.raises(InputError, match="wanted a time in UTC"):
            replace(PLAIN, submitted=when)
