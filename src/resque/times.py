"""The ways in which Ruby Resque writes a time, and the reader of one of them.

All take seconds since the epoch and drop the fraction, as Ruby does. Local means the zone that
TZ names, or the system's.
"""

import re
import time
from datetime import datetime, timedelta, timezone


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
    day = datetime(int(date["year"]), month, int(date["day"]))  # noqa: DTZ001 - the zone comes below
    if clock is None:
        return day.timestamp()
    hour, minute, second = (int(clock[part] or 0) for part in ("hour", "minute", "second"))
    fraction = float(f"0.{clock['fraction'] or 0}")
    # A leap second, and the 24:00 that ISO 8601 allows, run over into what follows.
    when = day + timedelta(hours=hour, minutes=minute, seconds=second)
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError
    return _in_zone(when, clock["zone"]).timestamp() + fraction


def _in_zone(when: datetime, zone: str | None) -> datetime:
    numeric = _OFFSET.search(zone or "")
    if numeric:
        sign, hours, minutes = numeric.groups("0")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return when.replace(tzinfo=timezone(-offset if sign == "-" else offset))
    if zone in _ZONES:
        return when.replace(tzinfo=timezone(timedelta(hours=_ZONES[zone])))
    return when
