import pytest

from resque.errors import NamespaceError
from resque.keys import Keys

#: As captured from Ruby Resque 3.0.0 with the namespace ``my:app``.
TABLE = {
    "queues": "my:app:queues",
    "workers": "my:app:workers",
    "heartbeats": "my:app:workers:heartbeat",
    "prune_lock": "my:app:pruning_dead_workers_in_progress",
    "pause": "my:app:pause-all-workers",
    "failed": "my:app:failed",
    "failed_queues": "my:app:failed_queues",
}


@pytest.mark.parametrize(("name", "key"), TABLE.items())
def test_fixed_keys(name, key):
    """Each key without a part of its own is the string that Ruby uses."""
    assert getattr(Keys("my:app"), name) == key


@pytest.mark.parametrize(
    ("method", "args", "key"),
    [
        ("queue", ("low",), "resque:queue:low"),
        ("queue", ("a:b é",), "resque:queue:a:b é"),
        ("queue", ("",), "resque:queue:"),
        ("worker", ("vm:14551:a,b",), "resque:worker:vm:14551:a,b"),
        ("worker_started", ("vm:1:*",), "resque:worker:vm:1:*:started"),
        ("stat", ("processed",), "resque:stat:processed"),
        ("stat", ("failed",), "resque:stat:failed"),
        ("worker_stat", ("processed", "vm:1:*"), "resque:stat:processed:vm:1:*"),
        ("worker_stat", ("failed", "vm:1:*"), "resque:stat:failed:vm:1:*"),
        ("failed_queue", ("low",), "resque:low_failed"),
    ],
)
def test_keys_with_a_name_in_them(method, args, key):
    """Names go into their keys as they are, in the default namespace too."""
    assert getattr(Keys(), method)(*args) == key


@pytest.mark.parametrize("namespace", ["", "a\nb", "a\x00", "\x7f", "a\x85", "\ud83d"])
def test_refuses_what_cannot_be_a_namespace(namespace):
    """Empty, control characters and undecodable bytes are mistakes of the configuration."""
    with pytest.raises(NamespaceError, match="as a namespace"):
        Keys(namespace)


@pytest.mark.parametrize("namespace", ["resque", "my:app", "mit leer", "日本", "a_b-c.d"])
def test_takes_any_other_namespace(namespace):
    """What Ruby takes as a namespace, with colons and beyond ASCII, is taken."""
    assert Keys(namespace).queues == f"{namespace}:queues"
