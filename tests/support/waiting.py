"""Wait for a condition; for a time only to see that nothing happens in it."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

#: Seconds that a condition may take on a busy machine; a test that passes never waits so long.
PATIENCE = 20.0


def wait_until(
    condition: Callable[[], Found],
    what: str,
    *,
    seconds: float = PATIENCE,
    explain: Callable[[], str] = str,
) -> Found:
    """Return the first true value of ``condition``.

    Raises AssertionError with ``explain``'s text after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{explain()}")
        time.sleep(0.01)


def assert_lasts(
    condition: Callable[[], object],
    what: str,
    *,
    seconds: float,
    explain: Callable[[], str] = str,
) -> None:
    """See that a condition is met all the time for so long: what would end it does not happen.

    Raises AssertionError with ``explain``'s text. A test that passes waits to the end, so that
    ``seconds`` are to be few: no more than what must not happen would surely take.
    """
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        if not condition():
            raise AssertionError(f"only for {passed:.2f} of {seconds} s: {what}\n{explain()}")
        time.sleep(0.01)
