"""A process's Python stack, for the one that keeps its job's time and asks for it by a signal.

For whoever else looks at it, at any time, there is another signal (``dump``).
"""

import faulthandler
import os
import sys
from signal import Signals

from resqued.process import signals
from resqued.process.condition import conditions

#: The question. SIGURG is that of those who look, where there are any (Linux).
_SIGNAL = Signals.SIGRTMAX if sys.platform == "linux" else Signals.SIGURG
#: Seconds that a process gets to answer, before anything else is done to it.
PATIENCE = 0.2


def answer(file: int) -> None:
    """Write the stacks of all threads into the descriptor ``file`` whenever they are asked for.

    It is done in the handler itself, by faulthandler: also where the main thread is stuck in C.
    """
    faulthandler.register(_SIGNAL, file=file, all_threads=True, chain=False)


def ask(pid: int, file: int | None = None) -> None:
    """Have a child that has not been reaped write its stacks, which takes milliseconds.

    ``file`` is a descriptor that parent and child share, and that the child answers in. If it has
    closed that, it is not asked: the number may be another file's by now (Linux). Nor is one that
    has no handler for it: it has become another program, say, which the signal would end. A TERM
    that is sent at once may come first: whichever thread the kernel likes takes a signal.
    """
    if sys.platform != "linux" or _would_answer(pid, file):
        signals.send(pid, _SIGNAL)


def _would_answer(pid: int, file: int | None) -> bool:
    if not any(each.catches(_SIGNAL) for each in conditions(pid).values()):
        return False
    return file is None or _is_shared(pid, file)


def _is_shared(pid: int, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/fd/{file}"), os.fstat(file))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # who may not look there, as the child is another user's, asks as before
