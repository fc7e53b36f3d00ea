"""faulthandler's text as a backtrace."""

import faulthandler
import inspect
import os
import tempfile
import threading

from resque.worker.backtrace import frames_of

DUMP = """\
Thread 0x00007f16c0bff6c0 (most recent call first):
  File "/usr/lib/python3.12/threading.py", line 359 in wait
  File "/app/heart.py", line 9 in beat

Current thread 0x00007f16c3e0c740 (most recent call first):
  <no Python frame>
  File "/app/odd "name", line 1 in x.py", line 12 in <lambda>
  File "/app/jobs.py", line ??? in run
  File "/lib/perform.py", line 40 in innermost
  File "/app/jobs.py", line 3 in around
  File "/lib/perform.py", line 50 in perform
  ...

Extension modules: _ruby.json (total: 1)
  File "/app/none.py", line 1 in none
"""


#: The one that has the job, and another.
JOB, OTHER = 0x7F16C3E0C740, 0x7F16C0BFF6C0


def test_the_job_s_thread_above_our_own_frames():
    """Neither another thread's, nor the worker's, nor an around hook's."""
    assert frames_of(DUMP, JOB, below="/lib/perform.py") == (
        '/app/odd "name", line 1 in x.py:12:in `<lambda>\'',
        "/app/jobs.py:???:in `run'",
    )


def test_all_frames_where_ours_are_not_among_them():
    """The job had not begun yet: a hook before it was what took so long."""
    frames = frames_of(DUMP, JOB, below="/lib/other.py")
    assert [frame.partition(":")[0] for frame in frames[1:]] == [
        "/app/jobs.py",
        "/lib/perform.py",
        "/app/jobs.py",
        "/lib/perform.py",
    ]


def test_our_own_code_is_shown_where_there_is_no_other():
    """Better that than nothing."""
    dump = 'Current thread 0x1 (most recent call first):\n  File "p.py", line 1 in f\n'
    assert frames_of(dump, 1, below="p.py") == ("p.py:1:in `f'",)


def test_the_signal_may_have_come_to_another_thread():
    """The kernel chooses; what counts is where the job is."""
    assert frames_of(DUMP, OTHER, below="none") == (
        "/usr/lib/python3.12/threading.py:359:in `wait'",
        "/app/heart.py:9:in `beat'",
    )


def test_no_dump_no_frames():
    """A process that was not ready to answer, or was cut off."""
    assert frames_of("", 1, below="p.py") == ()
    assert frames_of("Current thread 0x1 (most", 1, below="p.py") == ()


def test_what_this_python_writes():
    """The form is that of the interpreter that runs here."""
    with tempfile.TemporaryFile() as file:
        line = inspect.currentframe().f_lineno + 1
        faulthandler.dump_traceback(file, all_threads=True)
        dump = os.pread(file.fileno(), 100_000, 0).decode()
    first = frames_of(dump, threading.get_ident(), below="none")[0]
    assert first == f"{__file__}:{line}:in `test_what_this_python_writes'"
