"""What is fuzzed: a reader of bytes, what it may raise, and what holds for what it accepts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: Seconds for one input. An honest one takes far less than a millisecond.
LIMIT = 5.0


class HangError(BaseException):
    """Raised into a reader that takes too long; no ``except Exception`` of it may hide that."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader under its contract.

    ``check`` raises whatever the contract does not allow, AssertionError for a property that does
    not hold. It may leave nothing behind.
    """

    name: str
    corpus: tuple[bytes, ...]
    check: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Crash:
    """An input that broke a contract."""

    target: str
    data: bytes
    error: BaseException

    @property
    def kind(self) -> str:
        """What crashes with the same cause have in common, as far as can be told."""
        trace, place = self.error.__traceback__, ""
        while trace is not None:
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
            trace = trace.tb_next
        return f"{self.target} {type(self.error).__name__} {place}"


def attempt(target: Target, data: bytes) -> Crash | None:
    """Try one input."""
    try:
        with time_limit():
            target.check(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - it is what is looked for
        return Crash(target.name, data, error)
    return None


@contextmanager
def time_limit(seconds: float = LIMIT) -> Iterator[None]:
    """Raise HangError in this thread, the main one, after so long."""

    def stop(*_: object) -> None:
        raise HangError(f"more than {seconds:g} s")

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
