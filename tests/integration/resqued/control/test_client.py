"""What a client of the control socket says of a master that does not answer."""

import pathlib
import socket
from collections.abc import Iterator

import pytest

from resqued.clock import MonotonicClock
from resqued.control.client import NoAnswerError, ask_within
from tests.support.forks import in_child, no_more_files

IN_DOUBT = "it may still do what it was told"
ORDERS = ["reload", "pause", "resume", "stop", "restart", "scale", "reexec", "reopen-logs"]


@pytest.fixture
def hanging(tmp_path: pathlib.Path) -> Iterator[str]:
    """A control socket at which requests arrive, and nobody reads them."""
    path = str(tmp_path / "x.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(8)
        yield path


def refusal(path: str, verb: str) -> str:
    """Return what is said of a verb that nobody answers."""
    with pytest.raises(NoAnswerError) as caught:
        ask_within(0.05, path, verb, MonotonicClock())
    return str(caught.value)


@pytest.mark.parametrize("verb", ORDERS)
def test_an_order_without_an_answer(hanging: str, verb: str):
    """It has arrived, and may be carried out later."""
    assert refusal(hanging, verb) == f"resqued at {hanging} does not answer in time; {IN_DOUBT}"


@pytest.mark.parametrize("verb", ["health", "status", "server", "progress"])
def test_a_look_without_an_answer(hanging: str, verb: str):
    """It changes nothing, and there is nothing more to say."""
    assert refusal(hanging, verb) == f"resqued at {hanging} does not answer in time"


def test_no_descriptor_to_ask_with(hanging: str):
    """It is said as any other reason why there is no answer: who looks again and again goes on."""

    def body() -> str:
        with no_more_files():
            return refusal(hanging, "status")

    assert in_child(body) == f"cannot use control socket {hanging}: Too many open files"
