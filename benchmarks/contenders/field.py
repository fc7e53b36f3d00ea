"""Everyone who takes part."""

from benchmarks.contenders import of_resqued, peers, references
from benchmarks.contenders.model import Contender


def everyone() -> dict[str, Contender]:
    """Return the contenders by name, in the order of the tables."""
    groups = (of_resqued, peers, references)
    return {one.name: one for group in groups for one in group.contenders()}
