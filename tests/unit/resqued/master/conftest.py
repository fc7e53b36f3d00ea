"""What the master knows of its generations, for several tests."""

from collections.abc import Iterator

import pytest

from resqued.master.generations import Generations


@pytest.fixture
def generations() -> Iterator[Generations]:
    """Return a record without any generation."""
    record = Generations()
    yield record
    for generation in record:
        generation.channel.close()
