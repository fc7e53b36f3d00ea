"""What ps shows, whatever the application does before it is set."""

import subprocess
import sys

_SCRIPT = """
import os
from resqued.process.title import set_title
os.environ["FIRST"] = "changed, and longer than what was there"
set_title("resque-0: here")
with open("/proc/self/cmdline") as file:
    print(file.read().partition("\\0")[0])
"""


def test_a_title_can_be_set_after_the_environment_has_changed():
    """Its memory lies before the first variable; a Ruby worker prunes whoever has no title."""
    command = [sys.executable, "-c", _SCRIPT]
    shown = subprocess.check_output(command, text=True, env={"FIRST": "1"}, timeout=20)
    assert shown == "resque-0: here\n"
