"""Why a process does not tell its stacks (``dump_file``)."""

from signal import Signals

from resqued.errors import ResquedError
from resqued.process.condition import Condition
from resqued.process.dump import QUESTION, QUESTION_IN_C
from resqued.process.watch import ProcessWatch


class DumpError(ResquedError):
    """Raised when a process does not tell its stacks; says what is the matter with it."""


class HasEndedError(DumpError):
    """Raised when the process has ended."""

    def __init__(self) -> None:
        super().__init__("has ended")


class NotAllowedError(DumpError):
    """Raised when the process may not be looked at: it is another user's, or has become that."""

    def __init__(self, error: OSError | None = None) -> None:
        reason = "it is hidden" if error is None else error.strerror
        super().__init__(f"cannot be looked at: {reason}; has it changed its user?")


def check(watch: ProcessWatch, threads: dict[int, Condition]) -> None:
    """Raise DumpError if a process cannot answer."""
    if watch.has_ended():
        raise HasEndedError
    if not threads:
        raise NotAllowedError
    if all(each.is_held for each in threads.values()):
        raise DumpError("is stopped (by SIGSTOP, or by a debugger), and answers when it goes on")


def catches(threads: dict[int, Condition], question: Signals) -> bool:
    """Tell whether a process has a handler for a question."""
    return any(each.catches(question) for each in threads.values())


def explanation(threads: dict[int, Condition], seconds: float) -> str:
    """Return why a process may not have answered that had so long to do so."""
    names = f"{QUESTION.name} and {QUESTION_IN_C.name}"
    if not (catches(threads, QUESTION) or catches(threads, QUESTION_IN_C)):
        return f"does not answer: its code has taken the handlers of {names} away"
    # Not said before it has had its time: who starts a thread blocks everything for a moment.
    if all(each.blocks(QUESTION_IN_C) for each in threads.values()):
        return f"does not answer: its code has blocked {names}"
    states = "".join(sorted({each.state for each in threads.values()}))
    return (
        f"has not answered within {seconds:g} s (state {states});"
        f" has its code other handlers for {names}?"
    )
