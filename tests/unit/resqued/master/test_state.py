import json
from dataclasses import replace
from signal import Signals

import pytest

from resqued.ipc.messages import MAJOR
from resqued.master.cap import Phase
from resqued.master.generation import Stage
from resqued.master.options import Options
from resqued.master.state import (
    SCHEMA,
    SavedGeneration,
    SavedState,
    SavedWorker,
    StateError,
)

WORKER = SavedWorker(
    slot=1, queues=("a", "b"), phase=Phase.TOLD, told_at=1.5, ready_at=None, pid=11, watch=12
)
GENERATION = SavedGeneration(
    number=3,
    pid=10,
    channel=13,
    unread="\xff{",
    unsent="",
    stage=Stage.PROVED,
    started_at=1.0,
    kill_at=None,
    has_failed=False,
    told_by=Signals.SIGTERM,
    slots=(("a",), ("a", "b")),
    boot_timeout=None,
    stop_timeout=15.0,
    asking=(0,),
    workers=(WORKER, replace(WORKER, slot=0, pid=None, watch=None, phase=Phase.GRANTED)),
    failed_starts=0,
    failed_at=1.0,
    told_elsewhere=0,
    heard_at=2.0,
    is_silent=False,
)
STATE = SavedState(
    schema=SCHEMA,
    protocol=MAJOR,
    options=Options(paths=("pool.py",), inherit=(7,), pidfile="/run/p", pidfile_lock=8),
    program="/usr/bin/python",
    folder="/srv/current",
    lifeline=(5, 6),
    file_limit=1024,
    generations=(GENERATION, replace(GENERATION, number=2, channel=None, workers=())),
    last_number=3,
    owner=3,
    fallback=None,
    is_paused=False,
    pending=(Signals.SIGHUP,),
)


def test_the_state_survives_the_journey():
    """Decoded, it is what was encoded, of the same types."""
    decoded = SavedState.decode(STATE.encode())

    assert decoded == STATE
    assert repr(decoded) == repr(STATE)


def test_what_must_stay_open():
    """Lifeline, inherited ends, the pidfile's lock, sockets and pidfds, as far as there are any."""
    assert STATE.descriptors == (5, 6, 7, 8, 13, 12)


def test_listeners_that_could_not_be_understood():
    """Without listeners, another protocol is no matter."""
    foreign = replace(STATE, protocol=MAJOR + 1)
    with pytest.raises(StateError, match=f"speak protocol {MAJOR + 1}, this version {MAJOR}:"):
        SavedState.decode(foreign.encode())

    alone = replace(foreign, generations=STATE.generations[1:])
    assert SavedState.decode(alone.encode()) == alone


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": SCHEMA + 1}, f"the state has schema {SCHEMA + 1}, this version knows {SCHEMA}"),
        ({"owner": "3"}, "the state cannot be read: TypeError: 3"),
        (
            {
                "boot_timeout": 10**400,
                "generations": [],
                "options": {"boot_timeout": 10**400, "paths": []},
            },
            "the state cannot be read: OverflowError: int too large to convert to float",
        ),
        ({"pending": [99]}, "the state cannot be read: ValueError: 99 is not a valid Signals"),
    ],
)
def test_what_cannot_be_understood(change: dict[str, object], reason: str):
    """Another schema, or anything that is not as this version writes it."""
    content = json.loads(STATE.encode()) | change

    with pytest.raises(StateError) as caught:
        SavedState.decode(json.dumps(content).encode())

    assert str(caught.value) == reason


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_state(content: bytes):
    """One error, whatever it is."""
    with pytest.raises(StateError, match="the state cannot be read"):
        SavedState.decode(content)
