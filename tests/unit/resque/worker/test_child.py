from signal import SIGKILL, SIGRTMIN, SIGTERM

import pytest

from resque.errors import DirtyExit
from resque.worker.child import EXIT_UNSAVED, error_of
from resqued.process.reaper import ExitStatus

UNSAVED = "; its failure could not be written, see the log"


@pytest.mark.parametrize(
    ("code", "signal", "text"),
    [
        (
            None,
            SIGKILL,
            "Child process received unhandled signal pid 14768 SIGKILL (signal 9)",
        ),
        (
            None,
            SIGTERM,
            "Child process received unhandled signal pid 14768 SIGTERM (signal 15)",
        ),
        (
            None,
            SIGRTMIN + 1,
            f"Child process received unhandled signal pid 14768 unnamed (signal {SIGRTMIN + 1})",
        ),
        (7, None, "Child process 14768 ended: exit status 7"),
        (EXIT_UNSAVED, None, f"Child process 14768 ended: exit status 75{UNSAVED}"),
    ],
)
def test_what_a_dirty_exit_says(code, signal, text):
    """A death by signal is told in Ruby's words; a status of its own is a failure, too."""
    status = ExitStatus(14768, code, None if signal is None else int(signal))
    error = error_of(status)
    assert isinstance(error, DirtyExit)
    assert str(error) == text


def test_a_clean_exit_is_no_failure():
    """Exit status 0: done, or written down by the child itself."""
    assert error_of(ExitStatus(14768, 0, None)) is None
