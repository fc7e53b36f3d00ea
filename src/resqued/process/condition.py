"""What the kernel tells of a process's threads and their signals (Linux: /proc/PID/task)."""

import os
from dataclasses import dataclass
from signal import Signals

#: The letters of a thread that is held: by SIGSTOP or a terminal, or by a debugger (proc(5)).
_HELD = ("T", "t")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thread as it was at one moment; of each mask, bit n - 1 is signal n."""

    state: str  #: a letter of proc(5): R runs, S sleeps, D sleeps in the kernel, ...
    pending: int  #: signals on their way to the thread, or to its process
    blocked: int
    caught: int  #: signals that the process has a handler for

    @classmethod
    def parse(cls, text: bytes) -> "Condition":
        """Read the content of a status file. Raises KeyError or ValueError if it is none."""
        fields = dict(line.split(b":", 1) for line in text.splitlines() if b":" in line)
        masks = {
            name: int(fields[name], 16) for name in (b"SigPnd", b"ShdPnd", b"SigBlk", b"SigCgt")
        }
        return cls(
            state=fields[b"State"].split()[0].decode(),
            pending=masks[b"SigPnd"] | masks[b"ShdPnd"],
            blocked=masks[b"SigBlk"],
            caught=masks[b"SigCgt"],
        )

    @property
    def is_held(self) -> bool:
        """Whether it does nothing until somebody lets it go on, not even for a signal."""
        return self.state in _HELD

    def awaits(self, number: Signals) -> bool:
        """Whether a signal has been sent and has not arrived."""
        return _has(self.pending, number)

    def blocks(self, number: Signals) -> bool:
        """Whether a signal is held back: by the code, or as its handler runs just now."""
        return _has(self.blocked, number)

    def catches(self, number: Signals) -> bool:
        """Whether there is a handler for a signal."""
        return _has(self.caught, number)


def conditions(pid: int) -> dict[int, Condition]:
    """Return the condition of each thread, by its number; none if the process is gone, or hidden.

    As of one look, which is not one moment: threads that come or go meanwhile may be missing.
    """
    folder = f"/proc/{pid}/task"
    try:
        threads = os.listdir(folder)
    except OSError:
        return {}
    found = ((int(thread), _condition(f"{folder}/{thread}/status")) for thread in threads)
    return {thread: condition for thread, condition in found if condition is not None}


def _condition(path: str) -> Condition | None:
    try:
        with open(path, "rb") as file:
            return Condition.parse(file.read())
    except OSError:
        return None  # it has ended


def _has(mask: int, number: Signals) -> bool:
    return bool(mask >> (number - 1) & 1)
