"""What the exit status of resqued's processes means to the shell and to the process above."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of the commands, the master, and the listener as the master reads them."""

    OK = 0  #: stopped as asked
    FAILED = 1  #: could not start, or could not go on
    USAGE = 2  #: the command line was wrong; nothing was started
    NOT_RUNNING = 3  #: of commands for a running pool: none runs there
    NOT_WORKING = 4  #: of status: it runs, and no generation works
    STILL_RUNNING = 99  #: what was waited for had not happened when the time was up
