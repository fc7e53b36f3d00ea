"""What a factory's ``recover`` learns of a worker that has died."""

from dataclasses import dataclass

from resqued.config.model import DeathPolicy


@dataclass(frozen=True, slots=True)
class WorkerDeath:
    """A worker that may have left a job behind; its process, and the job's, are gone."""

    pid: int
    name: str | None  #: as it has called itself (``report.known_as``); None: it had not yet
    queues: tuple[str, ...]  #: as the factory was given them
    on_worker_death: DeathPolicy  #: what is to become of the job in its hands
    max_deaths: int  #: how many workers a job may take along, if it is to be put back
    #: Seconds that its job was allowed, if it was told to leave over that; such a job has failed.
    overdue: float | None = None
