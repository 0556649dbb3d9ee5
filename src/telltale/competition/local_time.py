"""Times and days of a time zone: names of zones, times that a user types, and midnight."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from telltale.errors import InputError

WANTED_TIME = "wanted date, time and offset in ISO 8601, such as 2026-11-21T10:07:00+01:00"


def zone_named(name: str) -> ZoneInfo:
    """The time zone `name`. Raises InputError if the time zone database does not have it."""
    try:
        # "localtime" and "posixrules" differ from machine to machine, and "right/..." counts leap seconds.
        if name.startswith(("localtime", "posix", "right")):
            raise ValueError
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(
            f"time zone '{name}' is not known; wanted a name such as Europe/Rome or UTC"
        ) from None


def parse_time(text: str, zone: ZoneInfo | None = None) -> datetime:
    """ISO 8601 date and time → datetime in UTC, cut to whole seconds.

    zone: the time zone of a text without an offset; None: such a text is refused.

    Raises InputError if the text is no date with a time, if it has no offset and `zone` is None, and if the
    clocks of `zone` skip the time or show it twice.
    """
    try:
        local = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        raise InputError(f"time '{text}'; {WANTED_TIME}") from None
    # fromisoformat would read a date alone as its midnight.
    if len(text) <= len("2026-11-21") or not 2000 <= local.year < 3000:
        raise InputError(f"time '{text}'; {WANTED_TIME}")
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    if zone is None:
        raise InputError(f"time '{text}' has no offset; {WANTED_TIME}")
    # fold selects the first or the second of two equal local times. A skipped local time does not survive the
    # way to UTC and back.
    candidates = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    valid = [time for time in candidates if time.astimezone(zone).replace(tzinfo=None) == local]
    if len(valid) != 1:
        problem = "comes twice" if valid else "is skipped"
        both = " or ".join(time.astimezone(zone).isoformat() for time in sorted(candidates))
        raise InputError(
            f"time '{text}' {problem} when the clocks change in {zone.key}; wanted it with its offset: {both}"
        )
    return valid[0]


def midnight(zone: ZoneInfo, day: date) -> datetime:
    """The start of `day` in `zone`, as a time in UTC. Days that change the clocks last 23 or 25 hours."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
