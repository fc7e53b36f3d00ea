"""Which failure records are meant."""

from dataclasses import dataclass

from resque.failure.backend import FailureList
from resque.failure.entry import FailureEntry


@dataclass(frozen=True, slots=True)
class Selection:
    """Those of a queue, of a class, of both, or all."""

    queue: str | None = None
    class_name: str | None = None

    def __call__(self, entry: FailureEntry) -> bool:
        """Tell whether an entry is meant."""
        return self.queue in {None, entry.queue} and self.class_name in {None, entry.class_name}

    def takes_all_of(self, where: FailureList) -> bool:
        """Tell whether all of a list is meant, so that it need not be read."""
        return self.class_name is None and self.queue in {None, where.queue}
