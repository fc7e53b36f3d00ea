"""examples/sentry_failures.py, with a stand-in for the SDK: its calls, but nothing is sent."""

import importlib.util
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.failures import failed_job

EXAMPLE = Path(__file__).parents[4] / "examples" / "sentry_failures.py"


class StandIn(types.ModuleType):
    """Has the functions of sentry_sdk 2 that the example calls, and keeps what it is given."""

    def __init__(self):
        super().__init__("sentry_sdk")
        self.sent = []
        self.flushed = None
        self._scope = None

    @contextmanager
    def new_scope(self):
        """Gather tags and contexts until the block ends."""
        self._scope = {}
        yield self
        self._scope = None

    def set_tag(self, key, value):
        """Add to the scope."""
        self._scope[key] = value

    def set_context(self, key, value):
        """Add to the scope."""
        self._scope[key] = value

    def capture_exception(self, error):
        """Keep the exception and its scope."""
        self.sent.append((error, self._scope))

    def capture_event(self, event):
        """Keep the event and its scope."""
        self.sent.append((event, self._scope))

    def flush(self, timeout):
        """Note that all before was sent."""
        self.flushed = (timeout, len(self.sent))


@pytest.fixture
def sdk(monkeypatch):
    """The stand-in, where the example imports it from."""
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "sentry_sdk", stand_in)
    return stand_in


@pytest.fixture
def example():
    """The example's backend."""
    spec = importlib.util.spec_from_file_location("sentry_failures", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SentryFailures


def test_an_exception_is_sent_as_it_is(sdk, example):
    """With its traceback, which the SDK reads; tagged with queue and class, without arguments."""
    error = ValueError("x")
    example(flush_timeout=3).save(failed_job(exception=error))
    ((sent, scope),) = sdk.sent
    assert sent is error
    assert scope == {
        "resque.queue": "q1",
        "resque.class": "Boom",
        "resque": {"worker": "vm:14522:q1", "failed_at": 1795459618.987},
    }
    assert sdk.flushed == (3, 1)


def test_a_failure_without_exception(sdk, example):
    """What is known of it is sent: the job was killed, or the element was none."""
    example().save(failed_job(b"\xff"))
    ((event, scope),) = sdk.sent
    value = {"type": "ArgumentError", "value": 'bad thing: ["x"]'}
    assert event == {"level": "error", "exception": {"values": [value]}}
    assert scope["resque.class"] == "no job"
    assert sdk.flushed == (2.0, 1)


def test_without_the_sdk(monkeypatch, example):
    """It is needed only where something is reported."""
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImportError):
        example().save(failed_job())
