"""What a type checker makes of the public functions.

Never run. ``mypy --strict`` must accept it as it stands: a wrong call that it let through would
leave its ``type: ignore`` unused, which is an error.
"""

from collections.abc import Callable
from typing import Any, assert_type

import redis
import valkey

import resque
import resque.testing
from resque.failure import (
    FailedJob,
    FailureEntry,
    RedisBackend,
    Requeued,
    backend_named,
    multiple,
)


@resque.job(queue="mail")
def send(address: str, subject: str = "hello", *more: int) -> int:
    """A function with every kind of position."""
    return len(address) + len(subject) + sum(more)


@resque.job(queue="mail", name="Mail::Nothing")
def nothing() -> None:
    """A function without any."""


@resque.job(queue="images", name="ImageJob")
class ImageJob:
    """A class."""

    size = 7

    @classmethod
    def perform(cls, image_id: int) -> str:
        """Perform."""
        return f"{image_id}"


def a_function_is_what_it_was() -> None:
    """A call takes and returns what it did."""
    assert_type(send("a"), int)
    assert_type(send("a", subject="hi"), int)
    assert_type(send("a", "hi", 1, 2), int)
    send(7)  # type: ignore[arg-type]
    send()  # type: ignore[call-arg]
    send("a", topic="hi")  # type: ignore[call-arg]
    nothing(1)  # type: ignore[call-arg]
    assert_type(send.__call__("a"), int)


def enqueue_has_its_signature() -> None:
    """It takes the same, and tells whether it was done."""
    assert_type(send.enqueue("a"), bool)
    assert_type(send.enqueue("a", subject="hi"), bool)
    assert_type(send.enqueue("a", "hi", 1), bool)
    assert_type(nothing.enqueue(), bool)
    send.enqueue(7)  # type: ignore[arg-type]
    send.enqueue("a", subject=None)  # type: ignore[arg-type]
    send.enqueue("a", "hi", "x")  # type: ignore[arg-type]
    send.enqueue()  # type: ignore[call-arg]
    send.enqueue("a", topic="hi")  # type: ignore[call-arg]
    nothing.enqueue(1)  # type: ignore[call-arg]


@send.before_perform
def check(address: str, subject: str = "hello", *more: int) -> bool:
    """A hook that takes what the job takes."""
    return bool(address) and bool(subject) and bool(more)


@send.around_perform
def timed(perform: Callable[[], object], *args: Any) -> object:
    """A hook for any job."""
    return perform() if args else None


@send.around_perform
def exact(
    perform: Callable[[], object], address: str, subject: str = "hello", *more: int
) -> object:
    """A hook for this job."""
    return perform() if address and subject and more else None


@send.on_failure
def report(error: BaseException, *args: Any) -> None:
    """A hook for any job."""
    print(error, args)


@send.after_enqueue
@nothing.before_enqueue
@nothing.before_dequeue
@nothing.after_dequeue
@nothing.after_perform
def note(*args: Any) -> None:
    """One hook for several jobs."""


def hooks_take_what_the_job_takes(wrong: Callable[[int], bool]) -> None:
    """The decorators check the hook's signature, and keep it."""
    assert_type(check("a", "b", 1), bool)
    note(1, "x")
    send.before_perform(wrong)  # type: ignore[arg-type]
    send.on_failure(wrong)  # type: ignore[arg-type]
    nothing.around_perform(wrong)  # type: ignore[arg-type]
    send.before_enqueue(7)  # type: ignore[call-overload]


def a_class_is_what_it_was() -> None:
    """The decorator returns the class itself."""
    assert_type(ImageJob.perform(7), str)
    assert_type(ImageJob().size, int)
    kind: type[ImageJob] = ImageJob
    assert_type(kind, type[ImageJob])
    ImageJob.perform("7")  # type: ignore[arg-type]
    ImageJob.enqueue(7)  # type: ignore[attr-defined]


def the_package_enqueues() -> None:
    """Functions, classes, and names."""
    assert_type(resque.enqueue(ImageJob, 7), bool)
    assert_type(resque.enqueue(send, "a", subject="hi"), bool)
    assert_type(resque.enqueue_to("high", "RubyClass", 7, {"a": [1, None]}), bool)
    assert_type(resque.enqueue_to("high", send, "a"), bool)
    resque.enqueue_to("high")  # type: ignore[call-arg]
    resque.enqueue_to(7, "RubyClass")  # type: ignore[arg-type]
    resque.enqueue()  # type: ignore[call-arg]
    assert_type(resque.enqueue_to("high", send, "a", subject="hi"), bool)


def a_client() -> None:
    """Its server comes from an address or from a client of the user's."""
    client = resque.connect("redis://localhost", namespace="billing")
    assert_type(client, resque.Resque)
    assert_type(resque.connect(), resque.Resque)
    assert_type(resque.connect(redis.Redis()), resque.Resque)
    assert_type(resque.connect(valkey.Valkey()), resque.Resque)
    assert_type(client.enqueue(send, "a"), bool)
    assert_type(client.size("mail"), int)
    assert_type(client.queues(), list[str])
    resque.connect("redis://localhost", namespace=7)  # type: ignore[arg-type]
    client.size(7)  # type: ignore[arg-type]


def many_jobs() -> None:
    """Prepared with the signature of the function."""
    assert_type(send.prepare("a", subject="hi"), resque.PreparedJob)
    assert_type(resque.enqueue_many(send.prepare(text) for text in "ab"), int)
    assert_type(resque.enqueue_many([resque.prepare(ImageJob, 7), nothing.prepare()]), int)
    assert_type(resque.dequeue(send, "a"), int | None)
    send.prepare(7)  # type: ignore[arg-type]
    resque.enqueue_many([send])  # type: ignore[list-item]
    resque.enqueue_many(send.prepare("a"))  # type: ignore[arg-type]


def what_is_read(client: resque.Resque) -> None:
    """Values, the same from the package and from a client."""
    assert_type(resque.workers(), list[resque.WorkerInfo])
    assert_type(client.info(), resque.Info)
    assert_type(client.peek("mail"), list[resque.Element])
    assert_type(resque.sample_queues(), dict[str, resque.QueueSample])
    (worker,) = client.working()
    assert_type(worker.state, resque.WorkerState)
    assert_type(worker.job, resque.JobInHand | None)
    worker.pid = 7  # type: ignore[misc]


def tests_of_an_application() -> None:
    """A list of jobs."""
    with resque.testing.recorded() as jobs:
        assert_type(jobs.of(send), list[resque.PreparedJob])
        assert_type(jobs.perform_all(), int)
        assert_type(jobs[0], resque.PreparedJob)


def declarations(things: dict[str, Any]) -> None:
    """What the decorator wants."""
    resque.job()  # type: ignore[call-arg]
    resque.job(queue=7)  # type: ignore[arg-type]
    resque.job("mail")  # type: ignore[call-arg]
    resque.job(queue="mail")(7)  # type: ignore[call-overload]
    assert_type(resque.job(queue="mail")(nothing), resque.JobFunction[[], None])
    things["definition"] = send.definition.name


class Reporter:
    """A failure backend of one's own."""

    def save(self, failed: FailedJob) -> None:
        """Report it."""
        assert_type(failed.exception, BaseException | None)


def failure_backends() -> None:
    """By name, object, class, factory; together."""
    resque.connect(failures="redis_multi_queue")
    resque.connect(failures=Reporter())
    resque.connect(failures=RedisBackend)
    resque.connect(failures=backend_named("redis"))
    resque.connect(failures=multiple("redis", Reporter(), lambda _server, _keys: Reporter()))
    resque.connect(failures=7)  # type: ignore[arg-type]
    resque.connect(failures=object())  # type: ignore[arg-type]


def failures() -> None:
    """An entry is what is requeued or removed, never an index."""
    found = resque.connect().failures
    assert_type(found.page(0, 20, queue="mail"), list[FailureEntry])
    entry = found.get(0)
    assert_type(entry, FailureEntry | None)
    if entry is not None:
        assert_type(found.remove(entry), bool)
    assert_type(found.requeue_all(again=True), Requeued)
    found.requeue(0)  # type: ignore[arg-type]
    found.remove(0)  # type: ignore[arg-type]
