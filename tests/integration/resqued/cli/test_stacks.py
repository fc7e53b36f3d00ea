"""Looks at a worker by a process that has no means for it."""

import os

import pytest

from resqued.cli.stacks import StacksError, stacks_of
from resqued.clock import MonotonicClock
from tests.support.forks import in_child, no_more_files
from tests.support.top import ToldMaster


def test_no_descriptor_to_look_with():
    """It is said in one line, where the view that was to show it goes on."""

    def body() -> str:
        with no_more_files(), pytest.raises(StacksError) as caught:
            stacks_of(ToldMaster(), MonotonicClock(), os.getppid(), print)
        return str(caught.value)

    problem = f"process {os.getpid()} cannot be looked at: Too many open files"
    assert in_child(body) == problem
