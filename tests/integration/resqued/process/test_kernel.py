from signal import Signals

from resqued.process import kernel
from tests.support.forks import in_child


def test_what_comes_at_the_end_of_the_parent_can_be_read_and_put_back():
    """A child begins with nothing (prctl(2))."""

    def body() -> list[int]:
        seen = [kernel.death_signal()]
        kernel.die_with_parent(Signals.SIGTERM)
        seen.append(kernel.death_signal())
        kernel.outlive_parent()
        return [*seen, kernel.death_signal()]

    assert in_child(body) == [0, Signals.SIGTERM, 0]
