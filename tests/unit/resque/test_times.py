import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque import times

#: 2026-11-23 18:46:58 UTC and a fraction, which no format shows.
MOMENT = 1795459618.987


@pytest.mark.parametrize(
    ("name", "heartbeat", "started", "failed_at"),
    [
        (
            "UTC",
            "2026-11-23T18:46:58+00:00",
            "2026-11-23 18:46:58 +0000",
            "2026/11/23 18:46:58 UTC",
        ),
        (
            "Asia/Kolkata",
            "2026-11-24T00:16:58+05:30",
            "2026-11-24 00:16:58 +0530",
            "2026/11/24 00:16:58 IST",
        ),
        (
            "America/Sao_Paulo",
            "2026-11-23T15:46:58-03:00",
            "2026-11-23 15:46:58 -0300",
            "2026/11/23 15:46:58 -03",
        ),
    ],
)
def test_the_formats(zone, name, heartbeat, started, failed_at):
    """Each format is what Ruby writes in that zone; the start of a job is always in UTC."""
    zone(name)
    assert times.run_at(MOMENT) == "2026-11-23T18:46:58Z"
    assert times.heartbeat(MOMENT) == heartbeat
    assert times.started(MOMENT) == started
    assert times.failed_at(MOMENT) == failed_at
    assert times.retried_at_without_zone(MOMENT) == failed_at.rpartition(" ")[0]


@pytest.mark.parametrize("name", ["UTC", "Asia/Kolkata", "America/Sao_Paulo", "Europe/Berlin"])
def test_a_heartbeat_can_be_read_again(zone, name):
    """Writing and reading a heartbeat loses the fraction only."""
    zone(name)
    assert times.read_heartbeat(times.heartbeat(MOMENT).encode()) == int(MOMENT)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T18:46:58+00:00",
        "2026-11-24T00:16:58+05:30",
        "2026-11-23T18:46:58Z",
        "2026-11-23 18:46:58 UTC",
        "2026-11-23 18:46:58 +0000",
        "2026-11-23t13:46:58-05",
        "20261123T184658Z",
        "2026/11/23 18:46:58 GMT",
        "2026/11/23 13:46:58 EST",
        "2026/11/23 10:46:58 PST",
        "2026/11/23 15:46:58 -03",
        "Mon, 23 Nov 2026 18:46:58 +0000",
        "Mon, 23 Nov 2026 18:46:58 GMT",
        "23 November 2026 18:46:58 UTC",
        "Mon Nov 23 18:46:58 UTC 2026",
        "Mon Nov 23 2026 18:46:58 GMT+0000 (Coordinated Universal Time)",
        "Mon Nov 23 2026 21:46:58 GMT+0300",
        "Nov 23, 2026 18:46:58 UTC",
        # without a zone, or in one that Ruby does not know: local
        "2026-11-24 00:16:58",
        "2026-11-24T00:16:58",
        "2026/11/24 00:16:58 IST",
        "Tue Nov 24 00:16:58 2026",
    ],
)
def test_reads_what_other_implementations_write(zone, text):
    """Any common way to write a date and a time is understood, in the reader's zone if unnamed."""
    zone("Asia/Kolkata")
    assert times.read_heartbeat(text.encode()) == int(MOMENT)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T18:46:58.25Z", 1795459618.25),
        ("2026-11-23T18:46:58,250000001Z", 1795459618.25),
        ("2026-11-23T18:46Z", 1795459560),
        ("2026-11-23T24:00:00Z", 1795478400),
        ("2016-12-31T23:59:60Z", 1483228800),
        ("2026-11-23", 1795392000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_reads_fractions_leap_seconds_and_less(zone, text, seconds):
    """Precision above and below the second is kept."""
    zone("UTC")
    assert times.read_heartbeat(text.encode()) == pytest.approx(seconds, abs=1e-6)


@given(when=st.datetimes())
def test_reads_every_day_of_the_calendar(when: datetime):
    """As ``datetime`` has it."""
    found = times.read_heartbeat(f"{when.replace(microsecond=0).isoformat()}Z".encode())
    assert found == when.replace(microsecond=0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("day", "seconds"),
    [("2024-02-29", 1709164800), ("2000-02-29", 951782400), ("2024-03-01", 1709251200)],
)
def test_reads_leap_days(day, seconds):
    """They come every four years, and in the year 2000."""
    assert times.read_heartbeat(f"{day}T00:00:00Z".encode()) == seconds


@pytest.mark.parametrize(
    "junk",
    [
        b"2026-02-29T00:00:00Z",
        b"1900-02-29T00:00:00Z",
        b"2100-02-29T00:00:00Z",
        b"2026-04-31T00:00:00Z",
        b"2026-00-10T00:00:00Z",
        b"2026-04-00T00:00:00Z",
        b"2026-11-23T18:46:58+24:00",
        b"",
        b" ",
        b"null",
        b"1795459618",
        b"1795459618.987",
        b"yesterday",
        b"18:46:58",
        b"2026-13-01T00:00:00Z",
        b"2026-02-30T00:00:00Z",
        b"2026-11-23T25:00:00Z",
        b"2026-11-23T18:61:00Z",
        b"2026-11-23T18:46:58+99:99",
        b"0000-01-01T00:00:00Z",
        b"9999-12-31T24:00:00Z",
        b"\xff\xfe",
        b"2026-11",
        "٢٠٢٦-11-23".encode(),
    ],
)
def test_junk_is_none(junk):
    """What is no time is told apart and never raises: other workers' entries are not ours."""
    assert times.read_heartbeat(junk) is None


def test_a_long_heartbeat_takes_no_longer():
    """Whoever writes a megabyte of beginnings of dates does not keep the pruning worker busy."""
    began = time.process_time()
    assert times.read_heartbeat(b"jan 1 " * 200_000) is None
    assert time.process_time() - began < 1
