"""A pytest fixture for projects that have a config file; installed with resqued."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resqued.config.model import Config


@pytest.fixture(scope="session")
def assert_resqued() -> "Callable[..., Config]":
    """Return ``resqued.testing.assert_resqued``: load config files and run all their hooks."""
    # Every pytest run on the machine loads this file; most have no use for the rest.
    from resqued.testing import assert_resqued  # noqa: PLC0415

    return assert_resqued
