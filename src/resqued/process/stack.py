"""A process's Python stack, for the one that keeps its job's time and asks for it by a signal.

For whoever else looks at it, at any time, there is another signal (``dump``).
"""

import faulthandler
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


def ask(pid: int) -> None:
    """Have a child that has not been reaped write its stacks, which takes milliseconds.

    One that has no handler for it is not asked: it has become another program, say, which the
    signal would end. A TERM that is sent at once may come first: whichever thread the kernel likes
    takes a signal.
    """
    if sys.platform != "linux" or any(each.catches(_SIGNAL) for each in conditions(pid).values()):
        signals.send(pid, _SIGNAL)
