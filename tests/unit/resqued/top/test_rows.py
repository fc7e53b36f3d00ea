from dataclasses import replace
from typing import Any

import pytest
from rich.text import Text

from resqued.backlog.model import Backlog, FailedJob, QueueDepth
from resqued.control.status import ListenerEnds, ReloadStatus
from resqued.process.memory import Memory
from resqued.top import cells, model, rows, texts
from resqued.top.model import BacklogView, PoolView
from resqued.top.table import Layout, Row
from tests.support.pool_status import MASTER, generation, pool, pool_of, worker

MB = 2**20
#: What an application, or whoever writes to the server, may have named something.
HOSTILE = "\x1b[31m[red]\x9b2J[/]\u202e\n\x00" + "x" * 10_000
BUSY = worker(
    queues=("mail", "reports"), state="busy", age=86.0, job="app.send", job_age=0.25, jobs_done=311
)
GONE = worker(
    1,
    pid=None,
    state="backoff",
    age=None,
    jobs_done=None,
    restarts=3,
    last_end="SIGKILL (signal 9)",
    backoff=3.1,
)
ENDED = "3: SIGKILL (signal 9)"
MEMORY = {4260: Memory(pss=5 * MB, private=3 * MB, shared=20 * MB, rss=23 * MB)}
FAILED = FailedJob(
    failed_at="2026/11/24 20:01:29 UTC",
    queue="mail",
    job="Send",
    exception="ValueError",
    error="no address",
)
BACKLOG = Backlog(
    server="redis://127.0.0.1:6379/0",
    namespace="resque",
    queues=(
        QueueDepth(name="mail", depth=3, head_age=2.0),
        QueueDepth(name="other", depth=0, head_age=None),
        QueueDepth(name="reports", depth=12, head_age=90.0),
    ),
    failed=7,
    failures=(FAILED, replace(FAILED, job="Other")),
)


def shown(columns: tuple[Any, ...], found: list[Row], width: int = 100) -> list[str]:
    """Return the lines of a list."""
    layout = Layout.of(columns, found, width)
    return [layout.line(row).plain.rstrip() for row in found]


def test_workers():
    """A row for all, a heading for each generation, a row for each place."""
    view = model.with_status(PoolView(), pool_of(BUSY, GONE), MEMORY, 10)
    view = model.with_status(view, pool_of(replace(BUSY, jobs_done=315), GONE), MEMORY, 12)

    assert shown(rows.WORKER_COLUMNS, rows.worker_rows(view), 104) == [
        "    all 1 worker     1 busy                                        █   2.0    3.0M",
        "Generation 1: owner for 1m0s; 1 of 2 workers at work; listener 4250, resqued 0.1.0",
        "   4260 mail,reports busy 0.2s app.send         1m26s   315        █   2.0    3.0M -",
        "      - mail         backoff 3.1s                   -     -              -       - "
        + ENDED,
    ]


def test_jobs_of_workers_that_leave():
    """They are counted with those of the others: that there are jobs is what counts."""
    leaving = worker(state="leaving", job="app.send", job_age=3.0)
    view = model.with_status(PoolView(), pool_of(leaving, worker(1), BUSY), {}, 10)

    assert " 2 busy " in shown(rows.WORKER_COLUMNS, rows.worker_rows(view))[0]


def test_only_workers_can_be_selected():
    """Each by its place, so that it stays selected when it gets another pid."""
    view = model.with_status(PoolView(), pool_of(BUSY, GONE), MEMORY, 10)

    assert [row.key for row in rows.worker_rows(view)] == [None, None, (1, 0), (1, 1)]


def test_all_about_a_worker():
    """What the list has no room for."""
    view = model.with_status(PoolView(), pool_of(BUSY, GONE), MEMORY, 10)

    *_, busy, gone = rows.worker_rows(view)

    assert busy.detail == (
        "Worker 4260 in place 0 of generation 1",
        "Queues   mail,reports",
        "State    busy",
        "Job      app.send, for 0.2s",
        "Done     311 jobs",
        "Memory   3.0M private, 20.0M shared",
    )
    assert gone.detail == (
        "No worker in place 1 of generation 1",
        "Queues   mail",
        "State    backoff",
        "Ended    3 before it, the last: SIGKILL (signal 9)",
    )


def test_a_listener_that_does_not_answer():
    """It is said where its workers are shown."""
    silent = generation(worker(state="ready", jobs_done=None), is_silent=True)
    view = model.with_status(PoolView(), pool(silent), {}, 10)

    assert "has not answered for long" in shown(rows.WORKER_COLUMNS, rows.worker_rows(view))[2]


def test_before_anything_is_known():
    """Nothing is shown, and that is said."""
    assert rows.worker_rows(PoolView()) == []
    assert rows.queue_rows(BacklogView()) == []
    assert rows.failure_rows(BacklogView()) == []
    assert [t.plain for t in texts.header(PoolView(), BacklogView(), 1, 80)] == ["Asking the pool"]
    assert texts.queues_title(BacklogView(), 1).plain == "Queues: asking the server"
    assert texts.failures_title(BacklogView(), 1).plain == "Failures: asking the server"


def test_queues():
    """The deepest first; an age is a lower bound."""
    view = model.with_backlog(BACKLOG, 10)

    assert shown(rows.QUEUE_COLUMNS, rows.queue_rows(view), 40) == [
        "reports                      12   >1m30s",
        "mail                          3    >2.0s",
        "other                         0        -",
    ]
    assert texts.queues_title(view, 11).plain == "15 jobs wait at redis://127.0.0.1:6379/0, resque"


def test_failures():
    """The newest first, and how many there are in all."""
    view = model.with_backlog(BACKLOG, 10)

    found = rows.failure_rows(view)

    assert shown(rows.FAILURE_COLUMNS, found, 60) == [
        "11/24 20:01:29 mail  Send   ValueError: no address",
        "11/24 20:01:29 mail  Other  ValueError: no address",
    ]
    assert [row.key for row in found] == [7, 6]
    assert found[0].detail[0] == "Failed at  2026/11/24 20:01:29 UTC"
    assert texts.failures_title(view, 11).plain == "7 failures, the last 2"


def test_failures_that_are_elsewhere():
    """The pool has another backend, which cannot be read from here."""
    view = model.with_backlog(replace(BACKLOG, failed=None, failures=()), 10)

    assert texts.failures_title(view, 11).plain.startswith("Failures are not recorded on this")


def test_a_failure_that_cannot_be_read():
    """It is shown with what is known of it, which may be nothing."""
    unknown = FailedJob(failed_at=None, queue=None, job=None, exception=None, error=None)
    view = model.with_backlog(replace(BACKLOG, failures=(unknown,)), 10)

    assert shown(rows.FAILURE_COLUMNS, rows.failure_rows(view), 60)[0].split() == [
        *("-", "-", "-", "-:", "-")
    ]


def test_the_server_is_away():
    """Queues and failures say so, and the header why."""
    view = model.without_backlog(model.with_backlog(BACKLOG, 10), "connection refused", 12)

    assert texts.queues_title(view, 15).plain == "Queues: no news for 3.0s"
    assert texts.failures_title(view, 15).plain == "Failures: no news for 3.0s"
    assert texts.header(PoolView(), view, 15, 80)[-1].plain == (
        "No news of the server for 3.0s: connection refused (what is shown is 5.0s old)"
    )
    assert len(rows.queue_rows(view)) == 3


def test_the_master_is_away():
    """It is said since when, and why, whatever else is shown."""
    view = model.without_status(PoolView(), "nobody listens", 12)
    assert texts.header(view, BacklogView(), 15, 80)[-1].plain == (
        "No news of the pool for 3.0s: nobody listens"
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, None),
        (
            {"outcome": "done", "took": 0.9},
            "Last reload 2, 5.0s ago: generation 3 has taken over after 0.9s",
        ),
        (
            {"outcome": "failed", "reason": "Traceback:\n  x\nValueError: no"},
            "Last reload 2, 5.0s ago: failed: ValueError: no",
        ),
    ],
)
def test_the_header(fields: dict[str, Any], line: str | None):
    """Who it is, how it is, its files, and what became of the last reload."""
    reload = (
        ReloadStatus(
            **{"number": 2, "generation": 3, "reason": None, "age": 5.0, "took": None, **fields}
        )
        if fields
        else None
    )
    view = model.with_status(PoolView(), pool(reload=reload), {4242: MEMORY[4260]}, 10)

    assert [text.plain for text in texts.header(view, BacklogView(), 10, 80)] == [
        "resqued 0.1.0 (pid 4242): working, pool.py in /srv/myapp, 3.0M private",
        *([line] if line else []),
    ]


def test_listeners_that_ended():
    """They are told of, as by status."""
    ends = ListenerEnds(count=2, generation=4, last_end="exit status 1", backoff=1.0)
    view = model.with_status(PoolView(), pool(listener_ends=ends), {}, 10)

    assert texts.header(view, BacklogView(), 10, 100)[-1].plain == (
        "2 listeners ended untold or could not start, last that of generation 4: exit status 1"
    )


def everything_named(name: str) -> list[Text]:
    """Return all texts that are shown where everything has one name."""
    reload = ReloadStatus(number=1, generation=1, outcome="failed", reason=name, age=1.0, took=None)
    status = pool(
        generation(
            worker(queues=(name, name), state="busy", job=name, job_age=1.0),
            worker(1, pid=None, state=name, restarts=1, last_end=name),
            version=name,
            app_version=name,
            state=name,
        ),
        master=replace(MASTER, version=name, mode=name, paths=(name,), folder=name),
        reload=reload,
        listener_ends=ListenerEnds(count=1, generation=1, last_end=name, backoff=0.0),
    )
    pool_view = model.without_status(model.with_status(PoolView(), status, {}, 1), name, 2)
    failed = FailedJob(failed_at=name, queue=name, job=name, exception=name, error=name)
    backlog = Backlog(
        server=name,
        namespace=name,
        queues=(QueueDepth(name=name, depth=1, head_age=1.0),),
        failed=1,
        failures=(failed,),
        unreadable=(name, name),
    )
    well = model.with_backlog(backlog, 1)
    away = model.without_backlog(well, name, 2)
    found = [*texts.header(pool_view, away, 3, 80), texts.queues_title(well, 3)]
    for columns, listed in (
        (rows.WORKER_COLUMNS, rows.worker_rows(pool_view)),
        (rows.QUEUE_COLUMNS, rows.queue_rows(well)),
        (rows.FAILURE_COLUMNS, rows.failure_rows(well)),
    ):
        layout = Layout.of(columns, listed, 80)
        found += [layout.line(row) for row in listed]
        found += [Text(line) for row in listed for line in row.detail]
    return found


def test_keys_that_are_of_another_type():
    """They are named above, for as long as they are there."""
    spoilt = replace(BACKLOG, failed=None, unreadable=("resque:queue:s", "resque:failed"))
    view = model.with_backlog(spoilt, 1)
    lines = [line.plain for line in texts.header(PoolView(), view, 1, 80)]
    assert lines == ["Of another type than they are to be: resque:queue:s, resque:failed"]
    assert "cannot be read" in texts.failures_title(view, 1).plain
    view = model.with_backlog(BACKLOG, 2)
    assert "type" not in texts.header(PoolView(), view, 2, 80)[0].plain


def test_hostile_names():
    """Nothing moves the cursor, ends a line or hides text, and nothing takes the whole screen."""
    for text in everything_named(HOSTILE):
        assert text.plain.isprintable()
        assert len(text.plain) < 3000


def test_brackets_are_no_markup():
    """They are shown, and colour nothing."""
    texts_with_it = [t for t in everything_named("[red]x[/red]") if "[red]" in t.plain]

    assert len(texts_with_it) > 10
    for text in texts_with_it:
        assert not any(
            "red" in str(span.style) and "bold" not in str(span.style) for span in text.spans
        )


@pytest.mark.parametrize(
    ("rates", "highest", "bars"),
    [
        ((), 0.0, "        "),
        ((0.0, 0.0), 0.0, "      ▁▁"),
        ((0.0, 1.0, 4.0, 8.0), 8.0, "    ▁▂▅█"),
        ((0.001, 8.0), 8.0, "      ▂█"),
        (tuple(float(n) for n in range(20)), 19.0, "▅▆▆▇▇▇██"),
    ],
)
def test_bars(rates: tuple[float, ...], highest: float, bars: str):
    """As high as the rate; only nothing at all is as low as nothing."""
    assert cells.spark(rates, highest) == bars


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0.0"), (9.96, "10.0"), (99.9, "99.9"), (12345.6, "12346")]
)
def test_a_rate(number: float, text: str):
    """It fits into its column."""
    assert cells.rate(number) == text
