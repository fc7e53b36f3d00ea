from dataclasses import replace

import pytest
from rich.cells import cell_len

from resqued import wording
from resqued.cli import status_text
from resqued.control.status import (
    GenerationStatus,
    ListenerEnds,
    PoolSize,
    PoolStatus,
    ReloadStatus,
    WorkerStatus,
)
from resqued.process.memory import Memory
from tests.support.pool_status import MASTER

MB = 2**20
BUSY = WorkerStatus(
    slot=0,
    pid=4260,
    queues=("mail", "reports"),
    state="busy",
    age=86.0,
    job="myapp.send",
    job_age=0.25,
    jobs_done=311,
    restarts=0,
)
GONE = WorkerStatus(
    slot=1,
    pid=None,
    queues=("reports",),
    state="backoff",
    restarts=3,
    last_end="SIGKILL (signal 9)",
    backoff=3.1,
)
GENERATION = GenerationStatus(
    number=2,
    state="owner",
    age=86.1,
    listener=4250,
    version="0.1.0",
    app_version="9ab04e",
    configured=2,
    is_silent=False,
    is_stale=False,
    workers=(BUSY, GONE),
)
RELOAD = ReloadStatus(number=1, generation=2, outcome="done", reason=None, age=86.1, took=0.9)
STATUS = PoolStatus(
    master=MASTER,
    generations=(GENERATION,),
    listener_ends=ListenerEnds(count=0, generation=None, last_end=None, backoff=0.0),
    reload=RELOAD,
)
HEADING = "owner for 1m26s; 1 of 2 workers at work; app 9ab04e; listener 4250, resqued 0.1.0"
WHY = "3: SIGKILL (signal 9)"
MEMORY = {4260: Memory(pss=5 * MB, private=3 * MB, shared=20 * MB, rss=23 * MB)}


def test_a_pool():
    """A line for the master, one for each generation, a table of its workers, the last reload."""
    assert status_text.as_text(STATUS, MEMORY, coloured=False).splitlines() == [
        "resqued 0.1.0 (pid 4242): working, pool.py in /srv/myapp",
        "",
        f"Generation 2: {HEADING}",
        " PID  QUEUES        STATE                        AGE  JOBS  PRIVATE  SHARED  ENDS",
        "4260  mail,reports  busy: myapp.send for 0.2s  1m26s   311     3.0M   20.0M  -",
        f"   -  reports       backoff, 3.1s left             -     -        -       -  {WHY}",
        "",
        "Last reload 1, 1m26s ago: generation 2 has taken over after 0.9s",
    ]


def test_columns_of_wide_characters():
    """They stand under each other all the same."""
    wide = replace(BUSY, queues=("日本語", "mail"))
    status = replace(STATUS, generations=(replace(GENERATION, workers=(wide, GONE)),))
    table = status_text.as_text(status, MEMORY, coloured=False).splitlines()[3:6]

    assert [
        cell_len(line[: line.index(word)])
        for line, word in zip(table, ("STATE", "busy", "backoff"), strict=True)
    ] == [19] * 3


def test_colours_are_only_added():
    """Without their escapes, it is the same text."""
    coloured = status_text.as_text(STATUS, MEMORY, coloured=True)

    assert "\x1b[32mbusy: myapp.send for 0.2s\x1b[0m" in coloured
    assert "\x1b[31mbackoff, 3.1s left" in coloured
    plain = coloured
    for code in ("0", "1", "31", "32", "33"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert [line.rstrip() for line in plain.splitlines()] == status_text.as_text(
        STATUS, MEMORY, coloured=False
    ).splitlines()


def test_what_others_have_named_moves_no_cursor():
    """Queues, jobs, versions, reasons: each is printable, and not longer than it should be."""
    bad = "\x1b[2J\n" * 100
    worker = replace(BUSY, queues=(bad,), job=bad, restarts=1, last_end=bad)
    generation = replace(GENERATION, app_version=bad, version=bad, workers=(worker,))
    ends = ListenerEnds(count=1, generation=1, last_end=bad, backoff=1.0)
    reload = replace(RELOAD, outcome="failed", reason=bad)
    status = replace(STATUS, generations=(generation,), listener_ends=ends, reload=reload)

    lines = status_text.as_text(status, {}, coloured=False).splitlines()

    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 1000


def test_a_listener_that_does_not_answer():
    """It is said that something is missing, now or for long."""
    unknown = "what its workers do is not known"
    for change, text in (
        ({"is_stale": True}, f"did not answer now: {unknown}"),
        (
            {"is_stale": True, "is_silent": True},
            f"has not answered for long: {unknown}, and those that end are not replaced",
        ),
    ):
        status = replace(STATUS, generations=(replace(GENERATION, **change),))  # type: ignore[arg-type]
        assert (
            f"Its listener {text}" in status_text.as_text(status, {}, coloured=False).splitlines()
        )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"outcome": "loading", "took": None}, "generation 2 loads"),
        ({"outcome": "moving", "took": None}, "workers move to generation 2"),
        (
            {"outcome": "failed", "reason": "before_fork failed\nTraceback:\nKeyError: 'x'"},
            "failed: KeyError: 'x'",
        ),
        (
            {"outcome": "abandoned", "reason": "the pool was paused"},
            "abandoned: the pool was paused",
        ),
        ({"outcome": "failed", "reason": "\n"}, "failed: the reason is not known"),
        ({"outcome": "new", "reason": None}, "new"),
    ],
)
def test_what_became_of_a_reload(change: dict[str, object], line: str):
    """In one line, of a traceback the last."""
    reload = replace(RELOAD, **change)  # type: ignore[arg-type]

    assert wording.reload_line(reload) == f"reload 1, 1m26s ago: {line}"


def test_listeners_that_have_ended():
    """How many, how the last one has, and when the next may come."""
    ends = ListenerEnds(count=2, generation=3, last_end="exit status 3", backoff=7.5)

    lines = status_text.as_text(
        replace(STATUS, generations=(), listener_ends=ends, reload=None), {}, coloured=False
    ).splitlines()

    assert lines[1:] == [
        "",
        "2 listeners ended untold or could not start, last that of generation 3: exit status 3",
        "The next listener may start in 7.5s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (10, "10s"),
        (59.9, "59s"),
        (60, "1m0s"),
        (3599, "59m59s"),
        (3600, "1h0m"),
        (86399, "23h59m"),
        (86400 * 3 + 7200, "3d2h"),
    ],
)
def test_durations(seconds: float, text: str):
    """In no more than two units."""
    assert wording.duration(seconds) == text


def test_a_scaled_pool():
    """A line below its generation says so, as long as its size is not that of the files."""
    pools = (
        PoolSize(name="mail", size=2, configured=4),
        PoolSize(name="same", size=2, configured=2),
        PoolSize(name="\x1b[2J", size=9, configured=1),
    )
    surplus = replace(BUSY, slot=2, is_surplus=True)
    generation = replace(GENERATION, pools=pools, workers=(BUSY, GONE, surplus))

    lines = status_text.as_text(
        replace(STATUS, generations=(generation,)), {}, coloured=False
    ).splitlines()

    assert lines[2:6] == [
        f"Generation 2: {HEADING}",
        "Pool mail is scaled from 4 to 2 until the next reload",
        "Pool \\x1b[2J is scaled from 1 to 9 until the next reload",
        lines[5],
    ]
    assert lines[5].startswith(" PID")


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        ("fallback", ["Pool mail is scaled from 4 to 2 until the next reload"]),
        ("orphaned", ["Pool mail was scaled from 4 to 2 until its listener ended"]),
        ("superseded", []),
        ("leaving", []),
    ],
)
def test_a_scaled_pool_of_a_generation_that_is_not_the_owner(state: str, lines: list[str]):
    """What holds until the next reload is said only where that is so: not without its listener."""
    pools = (PoolSize(name="mail", size=2, configured=4),)
    generation = replace(GENERATION, state=state, pools=pools)

    assert list(wording.scaled(generation)) == lines
