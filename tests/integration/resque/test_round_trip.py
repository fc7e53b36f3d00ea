"""From enqueueing to performing, through the real server."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resque import perform
from resque.payload import Payload
from resque.store import queues, workers
from tests.support.json_values import VALUES
from tests.support.server import ValkeyServer


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(VALUES))
@example([[], {}, [[]], [{}], {"": []}])
@example([12345678901234567890, -0.0, 1e15, 1e16, 1e20, 1e-5, 5e-324, 1.7976931348623157e308])
@example(["\x00", "\x7f\u2028</script>", "hé 世 😀", '\\"', "\ufffe"])
def test_a_job_gets_the_arguments_it_was_given(application, args):
    """Whatever JSON can carry arrives as an equal value of the same type."""
    client = application.client
    performed = []

    def job(*given):
        performed.append(given)

    application.registry.declare(queue="q", name="Any", enqueue=lambda *_: True)(job)
    application.enqueue_to("q", "Any", *args)
    reserved = queues.Reservation(client.keys, "h:1:q", ["q"]).take(client.server, 0)
    perform.perform(Payload.decode(reserved.element), client.registry)
    held = queues.Reservation(client.keys, "h:1:q", []).take(client.server, 0)
    workers.finish(client.server, client.keys, "h:1:q", held.number)
    assert [repr(list(given)) for given in performed] == [repr(args)]
    assert held == reserved


@pytest.fixture(params=["redis", "valkey"])
def library(request):
    """A library whose clients an application may have."""
    return pytest.importorskip(request.param)


def test_a_client_of_the_users(
    application, library, clean_valkey: ValkeyServer, start_worker, tmp_path, store
):
    """Jobs are enqueued and worked through a client that the application already has."""
    user_client = library.from_url(clean_valkey.url, decode_responses=True)
    result = tmp_path / "result"

    @application.job(queue="q", name="Write")
    def write(text):
        result.write_text(text)
        raise ValueError(text)

    with user_client:
        client = application.connect(user_client, store.keys.namespace)
        write.enqueue("hé 世")
        assert (client.queues(), client.size("q")) == (["q"], 1)
        worker = start_worker("*", interval=0)
        assert worker.wait() == 0
        assert result.read_text() == "hé 世"
        assert [record["error"] for record in store.failures()] == ["hé 世"]
        assert client.failure_count() == 1
        assert client.worker_ids() == []
    user_client.connection_pool.disconnect()
