"""The daemon under test."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon


@pytest.fixture
def daemon(tmp_path: pathlib.Path) -> Iterator[Daemon]:
    """Drive ``resqued`` in an empty folder.

    Whatever a test leaves running is killed; processes left behind by a daemon that has ended
    fail the test.
    """
    driver = Daemon(tmp_path.resolve())
    yield driver
    wrong = driver.clean_up()
    if wrong is not None:
        pytest.fail(f"processes were left behind: {wrong}")
