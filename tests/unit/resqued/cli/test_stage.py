import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from resqued.cli.arguments import Request
from resqued.cli.stage import RehearsalError, Stage, in_one_line
from resqued.config.errors import ConfigError
from resqued.ipc.channel import Channel
from resqued.ipc.messages import BootFailed, Loaded, Ping, Proved, Started
from tests.support.clock import HandTurnedClock

#: Frames of a function of the application's that a hook has called.
FRAMES = f"""\
Traceback (most recent call last):
  File "/usr/lib/resqued/listener/boot.py", line 42, in load_application
    run_hooks(config.hooks.before_fork, context)
    ~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "{os.getcwd()}/app/db.py", line 3, in load
    raise ValueError("no\\n  way")
"""
#: What was raised is a group, and behind bars.
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "b.py", line 4, in f
  |     raise group
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: no
"""


@pytest.fixture
def clock() -> HandTurnedClock:
    """Time that the test turns."""
    return HandTurnedClock()


@pytest.fixture
def ends(clock: HandTurnedClock) -> Iterator[tuple[Stage, Channel]]:
    """A stage whose processes are played by the test, at the other end."""
    ours, theirs = Channel.pair()
    stage = Stage(os.getpid(), ours, Request(paths=("a.py",), boot_timeout=30), clock)
    with closing(stage.watch), closing(ours), closing(Channel(theirs)) as other:
        yield stage, other


def test_from_loading_to_the_last_worker(ends: tuple[Stage, Channel]):
    """It knows the queues and the pids, and that all is set; other messages mean nothing here."""
    stage, other = ends
    for message in (Loaded((("a",), ("b", "c")), None, 15), Started(0, 5), Ping(), Started(1, 6)):
        other.send(message)
    stage.read()
    assert (stage.queues, stage.worker_pids) == ((("a",), ("b", "c")), [5, 6])
    assert not stage.is_set

    other.send(Proved(None))
    stage.read()

    assert stage.is_set


def test_the_time_it_may_take(ends: tuple[Stage, Channel], clock: HandTurnedClock):
    """The command line's, until the files say otherwise; from the beginning."""
    stage, other = ends
    clock.turn(29)
    assert stage.time_left == 1
    clock.turn(1)
    with pytest.raises(RehearsalError, match=r"^the files are not read after 30 s \(boot_timeout"):
        stage.check()

    other.send(Loaded((), 45, 15))
    stage.read()

    assert stage.time_left == 15
    stage.check()
    clock.turn(15)
    with pytest.raises(RehearsalError, match=r"^not all workers stand after 45 s \(boot_timeout"):
        stage.check()
    other.send(Proved(None))
    stage.read()
    stage.check()


def test_files_that_cannot_be_read(ends: tuple[Stage, Channel]):
    """Their mistakes are told as they are everywhere, one line each."""
    stage, other = ends
    other.send(BootFailed("a.py:1: no\na.py:2: no", is_config_unreadable=True))
    stage.read()

    with pytest.raises(ConfigError) as caught:
        stage.check()

    assert caught.value.problems == ("a.py:1: no", "a.py:2: no")


def test_an_application_that_fails(ends: tuple[Stage, Channel]):
    """Its traceback comes as one line."""
    stage, other = ends
    reason = f"before_fork failed\n{FRAMES}ValueError: no\n  way"
    other.send(Loaded((("a",),), None, 15))
    other.send(BootFailed(reason, is_config_unreadable=False))
    stage.read()

    assert stage.queues == (("a",),)  # which is shown before the failure is
    with pytest.raises(RehearsalError) as caught:
        stage.check()

    assert str(caught.value) == "before_fork failed: ValueError: no (app/db.py:3)"


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("cannot fork: no room", "cannot fork: no room"),
        ("first\nsecond", r"first\nsecond"),
        (
            (
                f"it failed\n{FRAMES}KeyError: 1\n\nDuring handling of the above exception, another"
                f' exception occurred:\n\n{FRAMES}  File "b.py", line 9, in f\nTypeError: 2'
            ),
            "it failed: TypeError: 2 (b.py:9)",
        ),
        (
            f"it failed\n{GROUP}",
            "it failed: ExceptionGroup: two (2 sub-exceptions) (b.py:4)",
        ),
    ],
)
def test_one_line(reason: str, line: str):
    """Of a traceback it is what was raised last, and where."""
    assert in_one_line(reason) == line
