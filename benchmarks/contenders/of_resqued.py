"""resqued, in the ways that its workers can work."""

from signal import Signals

from benchmarks.contenders.model import Contender, Kind
from benchmarks.plain_queue import KEY

#: The names of those that more is asked of than of the others.
DEFAULT = "resqued-fork"
STANDBY = "resqued-standby"
BATCHES = "resqued-50"
IN_PROCESS = "resqued-in-process"

_CONFIG = """
@before_fork
def load():
    import benchmarks.resque_jobs


worker_pool({{workers}}, "bench"{options})
"""
_NO_FORK = """

@after_fork
def settings(worker):
    worker.fork_per_job = False
"""


def contenders() -> tuple[Contender, ...]:
    """Return them; another option of a pool is another line here."""
    return (
        _resqued(DEFAULT, "resqued, its default", Kind.PER_JOB, 1200),
        _resqued(STANDBY, "resqued, standby=True", Kind.PER_JOB, 1200, standby=True),
        _resqued(BATCHES, "resqued, jobs_per_fork=50", Kind.SHARED, 8000, jobs_per_fork=50),
        _resqued(IN_PROCESS, "resqued, fork_per_job off", Kind.SHARED, 8000),
    )


def _resqued(name: str, title: str, kind: Kind, guess: float, **options: object) -> Contender:
    config = _CONFIG.format(options="".join(f", {key}={value!r}" for key, value in options.items()))
    return Contender(
        name=name,
        title=title,
        kind=kind,
        command=("resqued", "pool.py"),
        files={"pool.py": config + _NO_FORK * (name == IN_PROCESS)},
        sender="benchmarks.plain_queue",
        key=KEY,
        depth=2,
        guess=guess,
        reload=Signals.SIGHUP,
    )
