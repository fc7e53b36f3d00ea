"""What a listener's words about its start make of its generation, and of the master."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.ipc.messages import BootFailed, Loaded, Message, Ping, Proved
from resqued.master.generation import Stage
from resqued.master.generations import Generations
from resqued.master.hearing import Hearing
from resqued.master.reloads import Reloads
from resqued.master.verdicts import Verdicts
from resqued.master.watching import Watching
from resqued.process.waiter import Waiter
from tests.support.clock import HandTurnedClock


class Report:
    """Notes what whoever started the master is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self) -> None:
        """Note that it runs."""
        self.told.append("started")

    def failed(self, reason: str) -> None:
        """Note why it does not."""
        self.told.append(reason)


class Story:
    """A listener's end of its channel, and the master's side of it."""

    def __init__(self, generations: Generations, waiter: Waiter, *, has_loaded_once: bool) -> None:
        clock = HandTurnedClock()
        self.generations = generations
        self.report = Report()
        self.reloads = Reloads(clock)
        self.verdicts = Verdicts(
            generations, self.reloads, self.report, has_loaded_once=has_loaded_once
        )
        watching = Watching(generations, waiter, clock)
        self._hearing = Hearing(generations, watching, self.reloads, self.verdicts, clock)
        self._clock = clock

    def says(self, *said: Message) -> Stage:
        """Have a new listener say that; returns what its generation is then."""
        return self.sends(b"".join(map(messages.encode, said)))

    def sends(self, raw: bytes) -> Stage:
        """Have it send these lines."""
        ours, theirs = Channel.pair()
        generation = self.generations.add(4242, ours, self._clock.now())
        with theirs:
            theirs.sendall(raw)
        self._hearing.read(generation)
        return generation.stage


@pytest.fixture(params=[False, True], ids=["first start", "reload"])
def story(request: pytest.FixtureRequest, generations: Generations) -> Iterator[Story]:
    """Return a master that has read no configuration yet, or has."""
    with closing(Waiter()) as waiter:
        yield Story(generations, waiter, has_loaded_once=request.param)


def test_only_the_first_configuration_of_all_is_reported(story: Story):
    """Whoever started the master waits for nothing else."""
    is_first = not story.verdicts.has_loaded_once
    for _ in range(2):
        story.says(Loaded((("q",),), None, 15.0))

    assert story.report.told == ["started"] * is_first
    assert story.verdicts.has_loaded_once


def test_a_generation_that_has_proved_itself_is_the_owner(story: Story):
    """From then on it may start workers."""
    assert story.says(Loaded((("q",),), None, 15.0), Proved("v7")) is Stage.PROVED
    assert story.generations.owner is not None
    assert story.generations.owner.app_version == "v7"


def test_what_cannot_be_read_ends_only_a_master_that_never_read_any(story: Story):
    """Later on it is the failure of one generation."""
    is_first = not story.verdicts.has_loaded_once

    assert story.says(BootFailed("line 3", is_config_unreadable=True)) is Stage.LEAVING
    assert story.verdicts.has_given_up is is_first
    assert story.verdicts.last_failure == (1, "line 3")
    assert story.report.told == ["line 3"] * is_first


def test_an_application_that_does_not_load_ends_no_master(story: Story):
    """It is tried again."""
    assert story.says(BootFailed("no route", is_config_unreadable=False)) is Stage.LEAVING
    assert not story.verdicts.has_given_up
    assert story.verdicts.last_failure == (1, "no route")


def test_what_comes_after_a_failure_is_too_late(story: Story):
    """A generation that was given up neither proves itself nor fails again."""
    failed = BootFailed("no route", is_config_unreadable=False)

    assert (
        story.says(failed, BootFailed("twice", is_config_unreadable=False), Proved(None))
        is Stage.LEAVING
    )
    assert story.generations.owner is None
    assert story.verdicts.last_failure == (1, "no route")


def test_words_of_a_master_are_passed_over(story: Story, caplog: pytest.LogCaptureFixture):
    """They are logged, and what follows is heard."""
    assert story.says(Ping(), Proved(None)) is Stage.PROVED
    assert "Listener #1 sent what only a master says" in caplog.text


def test_a_listener_of_another_protocol_fails(story: Story):
    """The reason says what to do."""
    is_first = not story.verdicts.has_loaded_once
    raw = messages.encode(Proved(None)).replace(f'"{messages.MAJOR}.'.encode(), b'"99.')

    assert story.sends(raw) is Stage.LEAVING
    assert story.verdicts.has_given_up is is_first
    assert story.verdicts.last_failure is not None
    number, reason = story.verdicts.last_failure
    assert (number, "protocol 99" in reason, "start it anew" in reason) == (1, True, True)
