"""Wait for a condition, never for a time."""

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
