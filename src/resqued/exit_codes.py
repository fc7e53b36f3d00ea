"""What the exit status of resqued's processes means to the shell and to the process above."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of the commands, the master, and the listener as the master reads them."""

    OK = 0  #: stopped as asked
    FAILED = 1  #: could not start, or could not go on
    USAGE = 2  #: the command line was wrong; nothing was started
    STILL_RUNNING = 99  #: of quit-and-wait: the master was not gone when the time was up
