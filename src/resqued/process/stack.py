"""A process's Python stack, for another one that asks for it by a signal."""

import faulthandler
from signal import Signals

from resqued.process import signals

#: The question. Ignored by default (signal(7)), so it harms no process that is not ready for it.
_SIGNAL = Signals.SIGURG
#: Seconds that a process gets to answer, before anything else is done to it.
PATIENCE = 0.2


def answer(file: int) -> None:
    """Write the stacks of all threads into the descriptor ``file`` whenever they are asked for.

    It is done in the handler itself, by faulthandler: also where the main thread is stuck in C.
    """
    faulthandler.register(_SIGNAL, file=file, all_threads=True, chain=False)


def ask(pid: int) -> None:
    """Have a process write its stacks, which takes milliseconds.

    A TERM that is sent at once may come first: whichever thread the kernel likes takes a signal.
    """
    signals.send(pid, _SIGNAL)
