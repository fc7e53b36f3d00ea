"""What becomes of one job, good or bad, and that the worker goes on."""

import json
import os
import re
import signal
import sys

import pytest

from tests.support import waiting

FAILED_AT = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \S+"


def succeed(*_args):
    """Return."""
    return "ignored"


def fail(text):
    """Raise."""
    raise ValueError(text)


def kill_itself():
    """Die by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)


def overrun():
    """Die by the signal of a time limit."""
    os.kill(os.getpid(), signal.SIGPROF)


def leave(code):
    """End as a program does."""
    sys.exit(code)


def leave_at_once(code):
    """End without a word."""
    os._exit(code)


def recurse():
    """Run into the recursion limit."""
    recurse()


def fail_unspeakably():
    """Raise with text that UTF-8 does not have."""
    raise ValueError("lone \ud83d surrogate")


@pytest.fixture(autouse=True)
def _jobs(application):
    for job in (
        succeed,
        fail,
        kill_itself,
        overrun,
        leave,
        leave_at_once,
        recurse,
        fail_unspeakably,
    ):
        application.job(queue="q", name=job.__name__)(job)


def job(name, *args):
    """Return the element of a job."""
    return json.dumps({"class": name, "args": args}).encode()


JOB_FAILURES = [
    (job("fail", "no good"), "ValueError", "no good", True),
    (job("leave", 3), "SystemExit", "3", True),
    (job("leave", 0), "SystemExit", "0", True),
    (job("recurse"), "RecursionError", "maximum recursion depth exceeded.*", True),
    (job("fail_unspeakably"), "ValueError", r"lone \\ud83d surrogate", True),
    (
        job("kill_itself"),
        "Resque::DirtyExit",
        r"Child process received unhandled signal pid \d+ SIGKILL \(signal 9\)",
        False,
    ),
    (
        job("overrun"),
        "Resque::DirtyExit",
        r"Child process received unhandled signal pid \d+ SIGPROF \(signal 27\)",
        False,
    ),
    (
        job("leave_at_once", 7),
        "Resque::DirtyExit",
        r"Child process \d+ ended: exit status 7",
        False,
    ),
    (
        job("Nobody::Knows", 1),
        "resque.errors.UnknownJobError",
        r"no job is registered as 'Nobody::Knows' \(registered: Held, fail, .*\)",
        True,
    ),
    (job(""), "resque.errors.UnknownJobError", "no job is registered as ''.*", True),
    (job("fail"), "TypeError", r"fail\(\) missing 1 required positional argument: 'text'", True),
    (
        job("fail", 1, 2),
        "TypeError",
        r"fail\(\) takes 1 positional argument but 2 were given",
        True,
    ),
    (b'{"class":"fail","args":"one"}', "ValueError", "one", True),
]

BAD_ELEMENTS = [
    (b"no json", "not a job: Expecting value.*"),
    (b"", "not a job: Expecting value.*"),
    (b"5", "not a job: it is a JSON number, not an object"),
    (b"[1]", "not a job: it is a JSON array, not an object"),
    (b"null", "not a job: it is a JSON null, not an object"),
    (b'"x"', "not a job: it is a JSON string, not an object"),
    (b"{}", "not a job: it has no class name"),
    (b'{"class":null,"args":[]}', "not a job: it has no class name"),
    (b'{"class":"succeed","args":[NaN]}', "not a job: NaN is not JSON"),
    (b'{"class":"succeed","args":["\\ud83d"]}', "not a job: .*lone surrogate.*"),
    (b'{"class":"succeed","args":[1]}\xff', "not a job: .*can't decode byte 0xff.*"),
    (b'{"class":"succeed","args":' + b"[" * 99_999, "not a job: .*"),
]


def show(value):
    """Name a case by its element."""
    return value[10:30].decode(errors="replace") if isinstance(value, bytes) else ""


@pytest.fixture
def see_through(start_worker, store, held_job):
    """Have a worker work an element, and return it and the counters while it has the next job."""

    def run(element):
        store.push("q", element, job("Held"))
        worker = start_worker("q", interval=0)
        held_job.has_begun.wait()
        found = (*store.stats(), *store.stats_of(worker))
        held_job.may_go_on.open()
        assert worker.wait() == 0
        return worker, found

    return run


def check_record(record, worker, exception, error):
    """Check the fields that any failure record has, by what the dashboard needs of them."""
    keys = ["failed_at", "payload", "exception", "error", "backtrace", "worker", "queue"]
    assert list(record) == keys
    assert re.fullmatch(FAILED_AT, record["failed_at"])
    assert record["exception"] == exception
    assert re.fullmatch(error, record["error"], re.DOTALL)
    assert isinstance(record["backtrace"], list)
    assert all(isinstance(line, str) for line in record["backtrace"])
    assert (record["worker"], record["queue"]) == (worker.id, "q")


def test_a_job_that_succeeds(see_through, store):
    """It counts as processed, and leaves nothing else."""
    _, found = see_through(job("succeed", 1))
    assert found == (1, 0, 1, 0)
    assert store.failures() == []
    assert store.stats()[0] == 2


@pytest.mark.parametrize(("element", "exception", "error", "is_counted"), JOB_FAILURES, ids=show)
def test_a_job_that_fails(see_through, store, element, exception, error, is_counted):
    """One record, the right counts, and the same worker takes the next job."""
    worker, found = see_through(element)
    (record,) = store.failures()
    check_record(record, worker, exception, error)
    assert record["payload"] == json.loads(element)
    assert found == (1, int(is_counted), 1, int(is_counted))


@pytest.mark.parametrize(("element", "error"), BAD_ELEMENTS, ids=show)
def test_an_element_that_is_no_job(see_through, store, element, error):
    """It is recorded as failed with its text for a payload, and the worker goes on."""
    worker, found = see_through(element)
    (record,) = store.failures()
    check_record(record, worker, "Resque::DecodeException", error)
    assert record["payload"] == element.decode(errors="replace")
    assert record["backtrace"] == []
    assert found == (1, 1, 1, 1)


def test_the_backtrace_of_a_job(see_through, store):
    """It names the job's own lines, and none of this library's."""
    see_through(job("fail", "x"))
    line = fail.__code__.co_firstlineno + 2
    assert store.failures()[0]["backtrace"] == [f"{__file__}:{line}:in `fail'"]


def test_a_payload_is_recorded_as_it_was(see_through, store):
    """Unknown keys and numbers that others would round are there for a requeue."""
    element = b'{"class":"fail","args":["x"],"n":12345678901234567890,"e":[{},[]]}'
    see_through(element)
    (record,) = store.call("LRANGE", store.keys.failed, 0, -1)
    assert b'"payload":' + element + b',"exception"' in record


def test_each_job_has_a_process_of_its_own(application, start_worker, tmp_path):
    """The worker stays one process; what a job does to its own process ends with it."""
    pids = tmp_path / "pids"

    @application.job(queue="q")
    def note():
        os.environ["LEFT_BY_A_JOB"] = os.environ.get("LEFT_BY_A_JOB", "") + "x"
        with pids.open("a") as file:
            file.write(f"{os.getppid()} {os.getpid()} {os.environ['LEFT_BY_A_JOB']}\n")

    for _ in range(3):
        note.enqueue()
    worker = start_worker("q", interval=0)
    assert worker.wait() == 0
    parents, children, marks = zip(
        *(line.split() for line in pids.read_text().splitlines()), strict=True
    )
    assert set(parents) == {str(worker.pid)}
    assert len(set(children)) == 3
    assert set(marks) == {"x"}


def test_a_class_is_performed(application, start_worker, tmp_path):
    """Enqueued as a class, performed by its class method."""
    result = tmp_path / "result"

    @application.job(queue="q", name="ImageJob")
    class ImageJob:
        @classmethod
        def perform(cls, number, size=1):
            result.write_text(f"{cls.__name__} {number} {size}")

    application.enqueue(ImageJob, 7, size=3)
    assert start_worker("q", interval=0).wait() == 0
    assert result.read_text() == "ImageJob 7 3"


def test_a_job_enqueues_another(application, start_worker, tmp_path):
    """A job's process has a connection of its own to the application's server."""
    result = tmp_path / "result"

    @application.job(queue="q")
    def second(text):
        result.write_text(text)

    @application.job(queue="q")
    def first(text):
        second.enqueue(text + "!")

    first.enqueue("hé")
    assert start_worker("q", interval=0).wait() == 0
    assert result.read_text() == "hé!"


def test_urgent_queues_first(application, start_worker, tmp_path):
    """Before each job the most urgent queue is looked at again."""
    order = tmp_path / "order"

    @application.job(queue="low")
    def note(name):
        with order.open("a") as file:
            file.write(name)
        if name == "a":
            application.enqueue_to("high", note, "b")

    for name in "ac":
        note.enqueue(name)
    assert start_worker("high", "low", interval=0).wait() == 0
    assert order.read_text() == "abc"


def test_a_worker_with_an_interval_of_zero_leaves(start_worker, store):
    """Without a job it is gone at once, and nobody knows of it."""
    worker = start_worker("q", interval=0)
    assert worker.wait() == 0
    assert store.traces(worker) == []
    assert store.worker_ids() == []


def test_a_job_that_comes_later(start_worker, held_job, application):
    """The server tells an idle worker, long before its interval is over."""
    worker = start_worker("q", interval=60)
    worker.wait_until_idle()
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()


def test_a_paused_worker_takes_nothing(start_worker, held_job, application, store):
    """It waits, and takes the job once the pause is over."""
    store.call("SET", store.keys.pause, " TRUE ")
    application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0.02)
    worker.wait_for_title("Paused")
    wait_for_looks(store)
    assert store.size("q") == 1
    store.call("DEL", store.keys.pause)
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()


def wait_for_looks(store):
    """Have a paused worker look for jobs twice: whether the pause is over, it is told."""

    def looks():
        store.call("SET", store.keys.pause, "true")
        return int(
            re.search(rb"cmdstat_evalsha:calls=(\d+)", store.call("INFO", "commandstats"))[1]
        )

    before = looks()
    waiting.wait_until(lambda: looks() >= before + 2, "two more looks")


# --- patterns


@pytest.mark.parametrize(
    ("patterns", "worked"),
    [
        (["*"], ["bar", "foo1", "foobar"]),
        (["foo*", "!foobar"], ["foo1"]),
        (["!foobar", "*"], ["bar", "foo1"]),
        (["foo?"], ["foo1"]),
        (["foobar", "b*"], ["foobar", "bar"]),
    ],
)
def test_patterns_find_queues_created_later(
    application, start_worker, tmp_path, store, patterns, worked
):
    """Each look asks which queues there are, and works them in order of patterns and names."""
    order = tmp_path / "order"

    @application.job(queue="q")
    def note(name):
        with order.open("a") as file:
            file.write(f"{name}\n")

    worker = start_worker(*patterns, interval=0.02)
    worker.wait_until_idle()
    store.call("SET", store.keys.pause, "true")
    names = {"foobar", "foo1", "bar"}
    for name in names:
        application.enqueue_to(name, note, name)
    wait_for_looks(store)  # so that it knows all three before it may take one
    store.call("DEL", store.keys.pause)
    worker.wait_until(lambda: not any(map(store.size, worked)), "the jobs to be taken")
    worker.leave()
    assert order.read_text().splitlines() == worked
    assert {name for name in names if store.size(name)} == names - set(worked)
