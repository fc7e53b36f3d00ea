from tests.support.daemon import Daemon

HANGS = """
import signal
@before_fork
def hang():
    while True:
        signal.sigwait({signal.SIGWINCH})
worker("a")
"""


def test_the_option_limits_a_boot(daemon: Daemon):
    """Code that hangs is stopped after so many seconds, and the log says why."""
    daemon.start(HANGS, "--boot-timeout", "0.5")

    daemon.wait_for_log(r"0\.5 s \(boot_timeout\)")

    assert daemon.stop() == 0


def test_the_config_file_goes_before_the_option(daemon: Daemon):
    """Once the files have been read, what they say counts."""
    daemon.start(f"boot_timeout(0.7)\n{HANGS}", "--boot-timeout", "300")

    daemon.wait_for_log(r"0\.7 s \(boot_timeout\)")

    assert daemon.stop() == 0
