from types import SimpleNamespace

from resqued.ipc.channel import Channel
from resqued.master.generations import Generations
from resqued.master.steering import PING_EVERY, Steering
from tests.support.clock import HandTurnedClock


def nothing() -> None:
    """Stand in for what this story is not about."""


def test_a_listener_that_reads_nothing_is_not_asked_again_and_again():
    """While its socket is full the questions do not pile up, however many days that lasts."""
    clock = HandTurnedClock()
    ours, theirs = Channel.pair()
    generations = Generations()
    generations.proved(generations.add(1, ours, clock.now()))
    listeners = SimpleNamespace(generations=generations, start_if_due=nothing, fail_overdue=nothing)
    pool = SimpleNamespace(grant=nothing, retire=nothing)
    steering = Steering(listeners, pool, clock)

    with theirs:
        for _ in range(5000):
            clock.turn(PING_EVERY)
            steering.step()

        assert 0 < len(ours.unsent) < 100
        ours.close()
