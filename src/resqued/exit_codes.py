"""What the exit status of resqued's processes means to the shell and to the process above."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of the master, and of the listener as the master reads them."""

    OK = 0  #: stopped as asked
    FAILED = 1  #: could not start, or could not go on
    USAGE = 2  #: the command line was wrong; nothing was started
