import os
import socket

import pytest

from resque.errors import QueueNameError
from resque.worker.identity import queue_patterns, worker_id

HOST_AND_PID = f"{socket.gethostname()}:{os.getpid()}"


@pytest.mark.parametrize(
    ("queues", "patterns"),
    [
        (["high", "low"], ("high", "low")),
        ([" high ", "\tlow\n"], ("high", "low")),
        (("*",), ("*",)),
        (["low", "low"], ("low", "low")),
        (["*", "!low"], ("*", "!low")),
        (["!low", "*"], ("!low", "*")),
        (["a:b"], ("a:b",)),
    ],
)
def test_patterns_are_stripped(queues, patterns):
    """They stay in order, repetitions and negations included."""
    assert queue_patterns(queues) == patterns


@pytest.mark.parametrize(
    ("queues", "shown"),
    [
        ([], "''"),
        ([""], "''"),
        ([" "], "' '"),
        (["a", ""], "'a,'"),
        (["a", " ", "b"], "'a, ,b'"),
        (["!low"], "'!low'"),
        (["!low", " !high"], "'!low, !high'"),
    ],
)
def test_nothing_to_work(queues, shown):
    """Without a queue, with an empty one, or with negations only there is no worker."""
    with pytest.raises(QueueNameError) as caught:
        queue_patterns(queues)
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "part"),
    [
        (("high", "low"), "high,low"),
        (("*",), "*"),
        (("*", "!low"), "*"),
        (("!low", "a", "!b", "c"), "a,c"),
        (("a:b",), "a:b"),
    ],
)
def test_an_id_has_three_parts(patterns, part):
    """Host, pid and queues, without those that are not worked: Ruby parses it so."""
    assert worker_id(patterns) == f"{HOST_AND_PID}:{part}"
