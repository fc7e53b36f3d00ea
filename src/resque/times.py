"""The ways in which Ruby Resque writes a time, and the reader of one of them.

All take seconds since the epoch and drop the fraction, as Ruby does. Local means the zone that
TZ names, or the system's.

Without ``datetime``: where Python has that as a library of its own, every fork would pay for
mapping it (``docs/architecture.md``, decision 13).
"""

import re
import time


def run_at(epoch: float) -> str:
    """Return the start of a job, always in UTC: ``2026-11-23T18:46:58Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def heartbeat(epoch: float) -> str:
    """Return a heartbeat: ``2026-11-24T00:16:58+05:30``. The time is to be the server's."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(epoch)) + zone(epoch)


def zone(epoch: float) -> str:
    """Return the local zone as a heartbeat shows it: ``+05:30``."""
    offset = time.strftime("%z", time.localtime(epoch))
    return f"{offset[:3]}:{offset[3:5]}"


def started(epoch: float) -> str:
    """Return the registration of a worker: ``2026-11-24 00:16:58 +0530``."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(epoch))


def failed_at(epoch: float) -> str:
    """Return the time of a failure or its retry: ``2026/11/24 00:16:58 IST``.

    A zone without letters is written as the system names it: Sao Paulo's is ``-03``.
    """
    return time.strftime("%Y/%m/%d %H:%M:%S %Z", time.localtime(epoch))


def retried_at_without_zone(epoch: float) -> str:
    """Return the time of a retry in a queue's own list of failures: ``2026/11/24 00:16:58``."""
    return time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(epoch))


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = "(?P<name>" + "|".join(_MONTHS) + ")[a-z]*"
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>[a-z]+[+-]\d{2}:?\d{2}|[a-z]+|[+-]\d{2}(?::?\d{2})?)?"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?$")
_COMPACT = re.compile(r"\b(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})(\d{2})?")
_DATES = (
    re.compile(r"(?<!\d)(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?!\d)"),
    re.compile(r"\b(?P<day>\d{1,2})[\s-]" + _MONTH + r"[\s,-]+(?P<year>\d{4})\b"),
    re.compile(r"\b" + _MONTH + r"\s+(?P<day>\d{1,2})\b(?:.*\s|[\s,]+)(?P<year>\d{4})\b"),
)
#: The zone names that Ruby's Time.parse knows, in hours; another name means the local zone.
_ZONES = {"z": 0, "utc": 0, "ut": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5}
_ZONES |= {"mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_DAYS_IN_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY = 86400  #: seconds
#: Days from 0001-01-01, in the Gregorian calendar carried backwards, to 1970-01-01.
_EPOCH = 719162
#: The last second whose year has four digits.
_LAST = 253402300799
#: Bytes of a heartbeat that are looked at: the patterns may try each of them with each other.
_LONGEST = 200


def read_heartbeat(text: bytes) -> float | None:
    """Return the epoch seconds of a heartbeat, or None for what is not a time.

    Other implementations write what Ruby's Time.parse takes, which is nearly anything with a
    date in it: ISO 8601, RFC 2822, the formats above, ``date``'s. A time without a zone is local.
    Unlike Ruby this never raises, so one bad entry hurts nobody, and wants a date: a bare time
    of day would be today's in Ruby, for ever fresh.
    """
    lowered = _COMPACT.sub(_spread, text[:_LONGEST].decode("ascii", "replace").lower())
    date = next((found for pattern in _DATES if (found := pattern.search(lowered))), None)
    if date is None:
        return None
    try:
        return _seconds(date.groupdict(), _CLOCK.search(lowered))
    except (ValueError, OverflowError):  # a month 13, an hour 99
        return None


def _spread(compact: re.Match[str]) -> str:
    year, month, day, hour, minute, second = compact.groups("00")
    return f"{year}-{month}-{day}t{hour}:{minute}:{second}"


def _seconds(date: dict[str, str], clock: re.Match[str] | None) -> float:
    month = int(date["month"]) if "month" in date else _MONTHS.index(date["name"]) + 1
    year, day = int(date["year"]), int(date["day"])
    midnight = _days(year, month, day) * _DAY  # raises for a date that there is not
    if clock is None:
        return _local(year, month, day)
    hour, minute, second = (int(clock[part] or 0) for part in ("hour", "minute", "second"))
    fraction = float(f"0.{clock['fraction'] or 0}")
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError
    # A leap second, and the 24:00 that ISO 8601 allows, run over into what follows.
    since_midnight = hour * 3600 + minute * 60 + second
    if midnight + since_midnight > _LAST:
        raise ValueError
    offset = _offset(clock["zone"])
    if offset is None:
        return _local(year, month, day, hour, minute, second) + fraction
    return midnight + since_midnight - offset + fraction


def _days(year: int, month: int, day: int) -> int:
    """Return the days from the epoch to a date; raises ValueError for one that there is not."""
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (year >= 1 and 1 <= month <= 12):
        raise ValueError
    if not 1 <= day <= _DAYS_IN_MONTHS[month - 1] + (is_leap and month == 2):
        raise ValueError
    past = year - 1
    leap_days = past // 4 - past // 100 + past // 400 + (is_leap and month > 2)
    return past * 365 + leap_days + sum(_DAYS_IN_MONTHS[: month - 1]) + day - 1 - _EPOCH


def _local(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> float:
    """Return the epoch seconds of a local time; of one that a clock shows twice, either.

    Raises OverflowError.
    """
    return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))


def _offset(zone: str | None) -> int | None:
    """Return a zone's seconds east of Greenwich; None: it is the local one. Raises ValueError."""
    numeric = _OFFSET.search(zone or "")
    if numeric:
        sign, hours, minutes = numeric.groups("0")
        seconds = int(hours) * 3600 + int(minutes) * 60
        if seconds >= _DAY:
            raise ValueError
        return -seconds if sign == "-" else seconds
    return _ZONES[zone] * 3600 if zone in _ZONES else None
