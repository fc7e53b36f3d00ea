"""What the environment says of workers, by the names that Ruby Resque reads (docs/ruby.md).

The only place under resque that reads it, but for the server's address (``store.connection``).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from resque.errors import EnvironmentValueError
from resque.pace import Growth

#: About 11 days; what the kernel's poll takes.
_MAX_SECONDS = 1_000_000
_MAX_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How a worker treats its jobs, unless its owner says otherwise."""

    fork_per_job: bool
    jobs_per_fork: int | None
    seconds_per_fork: float | None
    graceful_term: bool
    run_at_exit_hooks: bool
    term_timeout: float
    pre_shutdown_timeout: float
    title_prefix: str


def worker_settings(environment: Mapping[str, str] = os.environ) -> WorkerSettings:
    """Return what holds for every worker of this process. Raises EnvironmentValueError.

    As in Ruby only the exact value ``false`` turns FORK_PER_JOB off, while GRACEFUL_TERM and
    RUN_AT_EXIT_HOOKS are on whatever their value, even an empty one. TERM_CHILD is not asked for:
    what it turns on is how workers here always end a job.
    """
    return WorkerSettings(
        fork_per_job=environment.get("FORK_PER_JOB") != "false",
        jobs_per_fork=_jobs(environment, "JOBS_PER_FORK"),
        seconds_per_fork=_limit(environment, "SECONDS_PER_FORK"),
        graceful_term="GRACEFUL_TERM" in environment,
        run_at_exit_hooks="RUN_AT_EXIT_HOOKS" in environment,
        term_timeout=_seconds(environment, "RESQUE_TERM_TIMEOUT", 4.0),
        pre_shutdown_timeout=_seconds(environment, "RESQUE_PRE_SHUTDOWN_TIMEOUT", 0.0),
        title_prefix=environment.get("RESQUE_PROCLINE_PREFIX", ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """What ``rake resque:work`` takes from the environment, and ``resque work`` too."""

    queues: str | None
    interval: float
    growth: Growth | None
    background: bool
    pidfile: str | None
    is_very_verbose: bool
    failure_backend: str | None


def command_settings(environment: Mapping[str, str] = os.environ) -> CommandSettings:
    """Return what a command line need not say. Raises EnvironmentValueError.

    QUEUES goes before QUEUE, even when it is empty. COUNT is refused: several workers on one
    host are what resqued is for.
    """
    count = environment.get("COUNT", "1")
    if count != "1":
        problem = "one command is one worker; resqued runs several"
        raise EnvironmentValueError("COUNT", count, problem)
    return CommandSettings(
        queues=environment.get("QUEUES", environment.get("QUEUE")),
        interval=_seconds(environment, "INTERVAL", 5.0),
        growth=_growth(environment),
        background=bool(environment.get("BACKGROUND")),
        pidfile=environment.get("PIDFILE") or None,
        is_very_verbose=bool(environment.get("VVERBOSE")),
        failure_backend=environment.get("FAILURE_BACKEND") or None,
    )


def _growth(environment: Mapping[str, str]) -> Growth | None:
    names = ("MIN_INTERVAL", "MAX_INTERVAL", "BACKOFF_INTERVAL")
    missing = [name for name in names if not environment.get(name)]
    if len(missing) == len(names):
        return None
    if missing:
        problem = f"goes with {' and '.join(name for name in names if name not in missing)}"
        raise EnvironmentValueError(missing[0], "", problem)
    least, most, step = (_seconds(environment, name, 0.0) for name in names)
    if least > most:
        problem = f"is more than MAX_INTERVAL={environment['MAX_INTERVAL']}"
        raise EnvironmentValueError("MIN_INTERVAL", environment["MIN_INTERVAL"], problem)
    return Growth(least=least, most=most, step=step)


def _jobs(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    number = text.strip()
    if not (number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS and int(number)):
        raise EnvironmentValueError(name, text, "is no number of jobs from 1 to 999999999")
    return int(number)


def _limit(environment: Mapping[str, str], name: str) -> float | None:
    """Return seconds that leave some time; None if nothing is said."""
    if not environment.get(name):
        return None
    seconds = _seconds(environment, name, 0.0)
    if not seconds:
        raise EnvironmentValueError(name, environment[name], "leaves no time")
    return seconds


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MAX_SECONDS:
        raise EnvironmentValueError(name, text, f"is no number of seconds from 0 to {_MAX_SECONDS}")
    return seconds
