"""One of several processes has the baton; when it lets go, or dies, another is woken."""

import os
import pathlib
import resource
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator

import pytest

from resqued.process.baton import Baton, Batons
from resqued.process.spawn import fork_child
from resqued.process.waiter import Waiter
from tests.support.forks import in_child, wait_for_end
from tests.support.latch import Latch
from tests.support.waiting import wait_until

GROUP = ("q",)
OTHER = ("a", "b")
MANY = 20


@pytest.fixture
def batons() -> Iterator[Batons]:
    """Those of two groups of two, and of one that is alone."""
    made = Batons([GROUP, OTHER, ("alone",), GROUP, OTHER])
    yield made
    made.close()


@pytest.fixture
def baton() -> Iterator[Baton]:
    """One that is nobody's, for this process and its children."""
    with tempfile.TemporaryFile() as file:
        made = Baton(GROUP, file.fileno(), 0)
        yield made
        made.close()


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Run something in a child that is killed after the test; returns its pid."""
    pids: list[int] = []

    def run(body: Callable[[], object]) -> int:
        def child() -> int:
            body()
            return 0

        pids.append(fork_child(child))
        return pids[-1]

    yield run
    for pid in pids:
        try:
            is_there = os.waitpid(pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            continue  # the test has waited for it
        if is_there:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture
def holder(baton: Baton, start: Callable[[Callable[[], object]], int]) -> Iterator[int]:
    """The pid of a child that has the baton, and keeps it."""
    has_it, never = Latch(), Latch()

    def hold() -> None:
        assert baton.take()
        has_it.open()
        never.wait(60)

    pid = start(hold)
    has_it.wait()
    yield pid
    has_it.close()
    never.close()


def take_after_a_wake(baton: Baton) -> int:
    """Sleep until it is ours, if it is not yet; returns how often we were woken for that."""
    waiter = Waiter()
    waiter.watch_shared(baton)
    wakes = 0
    while not baton.take():
        waiter.wait(None)
        wakes += 1
    waiter.forget_shared(baton)
    waiter.close()
    return wakes


def test_only_one_has_it(baton: Baton, holder: int):
    """Nobody else gets it, however often it tries, until its holder is gone."""
    assert not baton.take()
    assert not baton.take()
    assert not baton.is_held
    os.kill(holder, signal.SIGKILL)
    wait_for_end(holder)
    assert baton.take()
    assert baton.is_held


def _sleeps(pid: int) -> bool:
    """Tell whether a process sleeps in a selector: it has nothing else to wait for here."""
    where = pathlib.Path(f"/proc/{pid}/wchan").read_text()
    state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S" and (where in {"", "0"} or "poll" in where)


def test_who_lets_go_wakes_another(baton: Baton, start: Callable[..., int]):
    """It has it at once."""
    got_it = Latch()
    assert baton.take()
    follower = start(lambda: (take_after_a_wake(baton), got_it.open()))
    wait_until(lambda: _sleeps(follower), "a follower that sleeps")
    assert not got_it.pass_through()
    baton.give()
    got_it.wait()
    got_it.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_death_that_its_parent_tells_of(start: Callable[..., int], number: signal.Signals):
    """The kernel frees it, and the parent wakes who waits; so it is if it tells for nothing."""
    batons = Batons([GROUP, GROUP])
    has_it, got_it, never = Latch(), Latch(), Latch()

    def hold() -> None:
        baton = batons.keep(GROUP)
        assert baton is not None
        assert baton.take()
        has_it.open()
        never.wait(60)

    def follow() -> None:
        baton = batons.keep(GROUP)
        assert baton is not None
        take_after_a_wake(baton)
        got_it.open()
        never.wait(60)

    first = start(hold)
    has_it.wait()
    follower = start(follow)
    wait_until(lambda: _sleeps(follower), "a follower that sleeps")
    batons.wake(GROUP)  # somebody else's end
    assert not got_it.pass_through()
    os.kill(first, number)
    wait_for_end(first)
    batons.wake(GROUP)
    got_it.wait()
    batons.close()
    for latch in (has_it, got_it, never):
        latch.close()


def test_a_forked_child_has_nothing_to_do_with_it(baton: Baton):
    """It does not have it, and its end, and its closing of everything, take it from nobody."""
    assert baton.take()

    def close_all() -> bool:
        has_it = baton.take()
        os.closerange(3, 200)
        return has_it

    pid = fork_child(lambda: int(close_all()))
    assert os.waitpid(pid, 0)[1] == 0
    assert not in_child(baton.take)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_holder_that_is_stopped(baton: Baton, holder: int):
    """It has it all the same; the others can see that."""
    assert not baton.is_stuck()
    os.kill(holder, signal.SIGSTOP)
    wait_until(baton.is_stuck, "a holder that is stopped")
    assert not baton.take()
    os.kill(holder, signal.SIGCONT)
    wait_until(lambda: not baton.is_stuck(), "a holder that goes on")
    os.kill(holder, signal.SIGKILL)
    wait_for_end(holder)
    assert not baton.is_stuck()


def test_a_wake_that_nobody_used_is_passed_on(baton: Baton, holder: int):
    """The one that the kernel has chosen may have something else to do."""
    assert holder
    baton.wake()
    baton.give()  # what is not ours
    assert select.select([baton], [], [], 0)[0]
    assert not baton.take()
    baton.give()  # nobody was woken since, and nobody is
    assert not select.select([baton], [], [], 0)[0]


def test_a_pipe_that_is_full(baton: Baton):
    """Who wakes does not wait."""
    for _ in range(100_000):
        baton.wake()
    assert baton.take()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wakes one alone")
def test_only_one_is_woken(baton: Baton, start: Callable[..., int]):
    """Of many that sleep: each is woken about once, when it is its turn, not each for each."""
    reader, writer = os.pipe()

    def follow() -> None:
        wakes = take_after_a_wake(baton)
        os.write(writer, bytes([min(wakes, 255)]))
        baton.give()

    assert baton.take()
    ready = [Latch() for _ in range(MANY)]
    for latch in ready:
        start(lambda latch=latch: (latch.open(), follow()))
    for latch in ready:
        latch.wait()
        latch.close()
    baton.give()
    wakes = b""
    while len(wakes) < MANY:
        wakes += os.read(reader, MANY)
    assert sum(wakes) <= 2 * MANY
    os.close(reader)
    os.close(writer)


# --- the batons of several groups


def test_a_child_of_another_group_takes_its_own(batons: Batons):
    """Although the first group's is taken; who is alone has none."""
    has_it, may_go = Latch(), Latch()

    def take(group: tuple[str, ...]) -> bool:
        baton = batons.keep(group)
        return baton is not None and baton.take()

    def hold() -> int:
        assert take(GROUP)
        has_it.open()
        may_go.wait()
        return 0

    pid = fork_child(hold)
    has_it.wait()
    assert not in_child(lambda: take(GROUP))
    assert in_child(lambda: take(OTHER))
    assert in_child(lambda: batons.keep(("alone",))) is None
    may_go.open()
    assert os.waitpid(pid, 0)[1] == 0
    has_it.close()
    may_go.close()


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_child_keeps_no_file_of_the_others():
    """Two ends of its own pipe and the file that all share, or nothing."""

    def left(group: tuple[str, ...]) -> int:
        before = _open_files()
        batons = Batons([(str(number // 2),) for number in range(100)])
        batons.keep(group)
        batons.close()
        return _open_files() - before

    assert in_child(lambda: left(("7",))) == 3
    assert in_child(lambda: left(("none",))) == 0


def test_groups_that_have_grown(batons: Batons):
    """Those that are several now get one; one that was made stays what it is."""

    def kept(group: tuple[str, ...]) -> int | None:
        return in_child(lambda: (baton := batons.keep(group)) and baton.fileno())

    before = kept(GROUP)
    batons.extend([GROUP, ("alone",), ("alone",), ("new",), ("new",), ("new",)])

    assert kept(GROUP) == before
    assert before is not None
    assert len({kept(("alone",)), kept(("new",)), kept(GROUP), kept(OTHER), None}) == 5


def test_no_file_is_left():
    """There are as many as the system has room for; a few descriptors stay free."""

    def few() -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        groups = [(str(number // 2),) for number in range(100)]
        batons = Batons(groups)
        with open("/dev/null", "rb"):
            return sum(baton is not None for baton in map(batons.keep, groups[:1]))

    assert in_child(few) == 1
