import os
import pathlib
import uuid

import pytest

from resqued.process import notify
from resqued.process.notify import Manager, Notifier, NotifyVariableError
from tests.support.notify import NotifySocket, notify_socket

PID = 4711


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": ""}, None),
        ({"WATCHDOG_USEC": "1000000"}, None),
        ({"NOTIFY_SOCKET": "/run/n"}, Manager("/run/n")),
        ({"NOTIFY_SOCKET": "@n"}, Manager("@n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2500000"}, Manager("/n", 2.5)),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": str(PID)},
            Manager("/n", 0.000001),
        ),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
            Manager("/n"),
        ),
    ],
)
def test_what_the_variables_say(variables: dict[str, str], expected: Manager | None):
    """The watchdog is ours only if its pid is; nothing of it stays in the environment."""
    environment = {"PATH": "/bin", **variables}

    assert notify.take(environment, PID, wants_pid=False) == expected

    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"NOTIFY_SOCKET": "run/n"}, "NOTIFY_SOCKET='run/n' in the environment is no socket: "),
        ({"NOTIFY_SOCKET": "/"}, "NOTIFY_SOCKET='/' in"),
        ({"NOTIFY_SOCKET": "@"}, "NOTIFY_SOCKET='@' in"),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, "NOTIFY_SOCKET='vsock:2:1' in"),
        ({"NOTIFY_SOCKET": "/" + 107 * "n"}, "up to 106 bytes"),
        ({"WATCHDOG_USEC": "soon"}, "WATCHDOG_USEC='soon' in the environment is no whole number"),
        ({"WATCHDOG_USEC": "0"}, "WATCHDOG_USEC='0' in"),
        ({"WATCHDOG_USEC": "-1"}, "WATCHDOG_USEC='-1' in"),
        ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "\n"}, r"WATCHDOG_PID='\n' in"),
    ],
)
def test_variables_that_make_no_sense(variables: dict[str, str], complaint: str):
    """The error names variable and value."""
    environment = {"NOTIFY_SOCKET": "/n"} | variables

    with pytest.raises(NotifyVariableError) as raised:
        notify.take(environment, PID, wants_pid=False)

    assert complaint in str(raised.value)


def test_the_longest_address(tmp_path: pathlib.Path):
    """What is taken can be sent to."""
    address = f"@{uuid.uuid4().hex}{(106 - 32) * 'n'}"
    taken = notify.take({"NOTIFY_SOCKET": address}, PID, wants_pid=True)
    assert taken == Manager(address, wants_pid=True)
    manager = NotifySocket(address)

    assert Notifier(address).send("READY=1")

    assert [notice.lines for notice in manager.notices] == [{"READY": "1"}]
    manager.close()


def test_a_message_at_a_path(tmp_path: pathlib.Path):
    """All its lines come together, from this process, whatever characters they have."""
    with notify_socket(tmp_path) as manager:
        assert Notifier(manager.address).send("STATUS=é\udcff", "READY=1")

        (notice,) = manager.notices
        assert notice.lines == {"STATUS": "é?", "READY": "1"}
        assert notice.pid == os.getpid()


def test_a_manager_that_reads_nothing(tmp_path: pathlib.Path):
    """Nobody waits for it; once it reads again, it can be told again."""
    with notify_socket(tmp_path) as manager:
        notifier = Notifier(manager.address)
        sent = 0
        while notifier.send("WATCHDOG=1"):
            sent += 1
            assert sent < 100_000

        assert not notifier.send("READY=1")

        assert len(manager.notices) == sent
        assert notifier.send("READY=1")
        assert manager.told("READY=1") == [sent]


def test_nobody_listens(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture):
    """It is lost, and the log says so once."""
    notifier = Notifier(str(tmp_path / "gone"))

    assert notifier.send("READY=1")
    assert notifier.send("WATCHDOG=1")

    (record,) = caplog.records
    assert "cannot be told anything: [Errno 2]" in record.getMessage()
