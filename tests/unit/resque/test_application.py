"""Which server and namespace an application means; nothing is contacted here."""

import subprocess
import sys

import pytest

import resque
from resque.application import APPLICATION, Application
from resque.client import Resque
from resque.errors import AddressError, NamespaceError, NotAJobError, QueueNameError
from resque.registry import Registry
from resque.store.clients import ClientAdapter


class RecordingServer:
    """Takes the pipelines that would be sent."""

    def __init__(self):
        self.pipelines = []

    def pipeline(self, commands):
        """Remember the commands."""
        self.pipelines.append([list(command) for command in commands])
        return []

    def close(self):
        """Do nothing."""


@pytest.fixture
def application():
    """An application that has not connected."""
    return Application()


@pytest.fixture
def server(application):
    """The application's server: a recorder."""
    recorder = RecordingServer()
    application._client = Resque(recorder, application.registry, "ns")
    return recorder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_URL": "redis://a:1/2"}, "redis://a:1/2"),
        ({"RESQUE_REDIS_URL": "redis://b:3"}, "redis://b:3/0"),
        ({"RESQUE_REDIS_URL": "redis://b:3", "REDIS_URL": "redis://a:1/2"}, "redis://b:3/0"),
        ({"RESQUE_REDIS_URL": "", "REDIS_URL": "redis://a:1/2"}, "redis://a:1/2"),
    ],
)
def test_the_default_server(application, monkeypatch, environment, expected):
    """Without an address: RESQUE_REDIS_URL, else REDIS_URL, else the local server."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(application.connect().server.address) == expected
    assert application.client.keys.queues == "resque:queues"


def test_the_first_use_connects(application, monkeypatch):
    """An application that never called connect has the default server, and keeps it."""
    monkeypatch.setenv("REDIS_URL", "redis://a:1")
    client = application.client
    monkeypatch.setenv("REDIS_URL", "redis://b:2")
    assert application.client is client
    assert str(client.server.address) == "redis://a:1/0"


def test_the_last_connect_counts(application):
    """A second connect moves the application to another server and namespace."""
    application.connect("redis://a:1")
    client = application.connect("redis://b:2/3", namespace="my:app")
    assert application.client is client
    assert (str(client.server.address), client.keys.failed) == ("redis://b:2/3", "my:app:failed")


def test_a_client_of_the_user(application):
    """Anything with redis-py's methods is taken as it is."""

    class Client:
        def execute_command(self, *words): ...

    assert isinstance(application.connect(Client()).server, ClientAdapter)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("http://localhost",), AddressError),
        (("",), AddressError),
        ((7,), TypeError),
        ((object(),), TypeError),
        (("redis://a", ""), NamespaceError),
        (("redis://a", "a\nb"), NamespaceError),
    ],
)
def test_what_cannot_be_connected_to(application, arguments, error):
    """A mistake is told at once, and what was connected before stays."""
    before = application.connect("redis://a:1")
    with pytest.raises(error):
        application.connect(*arguments)
    assert application.client is before


def test_the_package_speaks_for_one_application(monkeypatch):
    """The functions of the package share their jobs and their server."""
    monkeypatch.setattr(APPLICATION, "_registry", Registry())
    monkeypatch.setattr(APPLICATION, "_client", None)

    @resque.job(queue="q", name="test_application.shared")
    def shared(): ...

    client = resque.connect("redis://a:1")
    assert client.registry.definition_of(shared).name == "test_application.shared"


def test_the_decorator_is_not_hidden_by_the_module_of_its_name():
    """``resque.job`` is the decorator, whoever imports the module ``resque.job``."""
    program = "import resque.job, resque; from resque.job import Job; print(resque.job.__name__)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert shown.stdout == b"job\n"
    assert resque.job == APPLICATION.job


# --- what is pushed


def push(element, queue="mail"):
    """Return the pipeline that pushes an element, as Ruby sends it."""
    return [["SADD", "ns:queues", queue], ["RPUSH", f"ns:queue:{queue}", element]]


def test_a_function_is_enqueued(application, server):
    """Its payload has class and args in this order, and goes to the declared queue."""

    @application.job(queue="mail", name="send")
    def send(address, subject="hello"): ...

    assert send.enqueue("a", subject="hi") is True
    assert application.enqueue(send, "b") is True
    assert server.pipelines == [
        push(b'{"class":"send","args":["a","hi"]}'),
        push(b'{"class":"send","args":["b"]}'),
    ]


def test_a_class_is_enqueued(application, server):
    """A declared class goes through enqueue."""

    @application.job(queue="mail", name="ImageJob")
    class ImageJob:
        @classmethod
        def perform(cls, image_id, size=1): ...

    application.enqueue(ImageJob, 7)
    application.enqueue(ImageJob, size=3, image_id=7)
    assert server.pipelines == [
        push(b'{"class":"ImageJob","args":[7]}'),
        push(b'{"class":"ImageJob","args":[7,3]}'),
    ]


def test_a_name_is_enqueued(application, server):
    """Any queue and any class that another language's worker may know."""
    application.enqueue_to("high", "Mod::RubyClass", 7, {"a": []})
    assert server.pipelines == [push(b'{"class":"Mod::RubyClass","args":[7,{"a":[]}]}', "high")]


def test_a_job_is_enqueued_elsewhere(application, server):
    """A declared job can be put into another queue than its own."""

    @application.job(queue="mail", name="send")
    def send(address): ...

    application.enqueue_to("high", send, "a")
    assert server.pipelines == [push(b'{"class":"send","args":["a"]}', "high")]


@pytest.mark.parametrize("queue", ["", " ", "a,b", None])
def test_a_queue_that_no_worker_could_work(application, server, queue):
    """It is refused before anything is sent."""
    with pytest.raises(QueueNameError):
        application.enqueue_to(queue, "X")
    send = application.job(queue="mail", name="send")(lambda: None)
    for call in (application.enqueue_to, application.dequeue_from):
        with pytest.raises(QueueNameError):
            call(queue, send)
    assert server.pipelines == []


def test_what_was_not_declared(application, server):
    """A plain function or a name cannot be enqueued without a queue."""
    for target in (test_what_was_not_declared, "send"):
        with pytest.raises(NotAJobError):
            application.enqueue(target)
    assert server.pipelines == []
