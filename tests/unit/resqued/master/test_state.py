import json
from dataclasses import replace
from signal import Signals

import pytest

from resqued.figures import ReloadTally
from resqued.ipc.messages import MAJOR
from resqued.master.cap import Phase
from resqued.master.generation import Stage
from resqued.master.options import Options
from resqued.master.places import PoolPlaces
from resqued.master.reloads import Outcome, Reload
from resqued.master.state import (
    SCHEMA,
    Ends,
    SavedGeneration,
    SavedState,
    SavedWorker,
    StateError,
)
from resqued.process.notify import Manager

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
    version="0.1.0",
    app_version="abc",
    holes=(1,),
    pools=(PoolPlaces("mail", 2, 1, (0, 1)),),
)
STATE = SavedState(
    schema=SCHEMA,
    protocol=MAJOR,
    options=Options(
        paths=("pool.py",),
        log_format="json",
        inherit=(7,),
        pidfile="/run/p",
        pidfile_lock=8,
        control="/run/c",
        control_socket=9,
        control_folder="/run/resqued",
        manager=Manager("/run/notify", 2.5, wants_pid=True),
    ),
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
    listener_ends=Ends(2, 1, "exit status 3"),
    reloads=(
        Reload(number=1, generation=2, asked_at=1.0, outcome=Outcome.FAILED, reason="x"),
        Reload(number=2, generation=3, asked_at=2.0),
    ),
    reload_tallies=(ReloadTally("failed", 1, 0.5),),
)


def test_the_state_survives_the_journey():
    """Decoded, it is what was encoded, of the same types."""
    decoded = SavedState.decode(STATE.encode())

    assert decoded == STATE
    assert repr(decoded) == repr(STATE)


def test_a_state_of_a_master_before_the_control_socket():
    """What it does not say is nothing."""
    content = json.loads(STATE.encode())
    for name in ("listener_ends", "reloads", "reload_tallies"):
        del content[name]
    for name in ("control", "control_socket", "control_folder"):
        del content["options"][name]
    for generation in content["generations"]:
        for name in ("version", "app_version", "holes", "pools"):
            del generation[name]

    state = SavedState.decode(json.dumps(content).encode())

    assert state.options.control_socket is None
    assert (state.reloads, state.reload_tallies, state.listener_ends) == ((), (), Ends())
    assert [generation.version for generation in state.generations] == [None, None]
    assert [(each.holes, each.pools) for each in state.generations] == [((), None)] * 2


def test_a_state_of_a_master_that_knew_fewer_options():
    """What it was not told is at its default."""
    content = json.loads(STATE.encode())
    del content["options"]["manager"], content["options"]["log_format"]

    options = SavedState.decode(json.dumps(content).encode()).options

    assert (options.manager, options.log_format) == (None, "text")


def test_what_must_stay_open():
    """Lifeline, inherited ends, the pidfile's lock, sockets and pidfds, if there are any."""
    assert STATE.descriptors == (5, 6, 7, 8, 9, 13, 12)


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
