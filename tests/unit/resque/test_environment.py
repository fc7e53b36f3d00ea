"""What variables mean to a worker, the odd values too (protocol, section 11)."""

import pytest

from resque import environment
from resque.errors import EnvironmentValueError
from resque.pace import Growth


def test_an_empty_environment():
    """What holds when nothing is said."""
    settings = environment.worker_settings({})
    assert settings == environment.WorkerSettings(
        fork_per_job=True,
        jobs_per_fork=None,
        seconds_per_fork=None,
        graceful_term=False,
        run_at_exit_hooks=False,
        term_timeout=4.0,
        pre_shutdown_timeout=0.0,
        title_prefix="",
    )


@pytest.mark.parametrize(
    ("value", "forks"),
    [("false", False), ("False", True), ("0", True), ("", True), ("no", True), ("true", True)],
)
def test_only_the_exact_word_turns_forks_off(value, forks):
    """As Ruby reads it."""
    assert environment.worker_settings({"FORK_PER_JOB": value}).fork_per_job is forks


def test_several_jobs_per_fork():
    """Numbers; without a value they are as if not given."""
    settings = environment.worker_settings({"JOBS_PER_FORK": "50", "SECONDS_PER_FORK": "2.5"})
    assert (settings.jobs_per_fork, settings.seconds_per_fork) == (50, 2.5)
    settings = environment.worker_settings({"JOBS_PER_FORK": " 5 ", "SECONDS_PER_FORK": " 5 "})
    assert (settings.jobs_per_fork, settings.seconds_per_fork) == (5, 5.0)
    settings = environment.worker_settings({"JOBS_PER_FORK": "", "SECONDS_PER_FORK": ""})
    assert (settings.jobs_per_fork, settings.seconds_per_fork) == (None, None)


@pytest.mark.parametrize("value", ["0", "-1", "much", "nan"])
def test_seconds_that_leave_no_time(value):
    """Likewise."""
    with pytest.raises(EnvironmentValueError, match=f"SECONDS_PER_FORK={value}: "):
        environment.worker_settings({"SECONDS_PER_FORK": value})


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "²", "9" * 100])
def test_a_number_of_jobs_that_is_none(value):
    """The error names the variable and what it says."""
    with pytest.raises(EnvironmentValueError, match=r"JOBS_PER_FORK=.*: is no number of jobs"):
        environment.worker_settings({"JOBS_PER_FORK": value})


@pytest.mark.parametrize("value", ["1", "0", "", "false"])
def test_flags_that_are_on_whatever_they_say(value):
    """That they are there is enough, as in Ruby."""
    given = {"GRACEFUL_TERM": value, "RUN_AT_EXIT_HOOKS": value}
    settings = environment.worker_settings(given)
    assert settings.graceful_term
    assert settings.run_at_exit_hooks


def test_timeouts_and_prefix():
    """Seconds, fractions too."""
    given = {
        "RESQUE_TERM_TIMEOUT": "2.5",
        "RESQUE_PRE_SHUTDOWN_TIMEOUT": "10",
        "RESQUE_PROCLINE_PREFIX": "blue: ",
    }
    settings = environment.worker_settings(given)
    assert settings.term_timeout == 2.5
    assert settings.pre_shutdown_timeout == 10.0
    assert settings.title_prefix == "blue: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"INTERVAL": "soon"},
            "INTERVAL=soon: is no number of seconds from 0 to 1000000",
        ),
        ({"INTERVAL": "nan"}, "INTERVAL=nan: is no number of seconds from 0 to 1000000"),
        ({"INTERVAL": "-1"}, "INTERVAL=-1: is no number of seconds from 0 to 1000000"),
        ({"COUNT": "5"}, "COUNT=5: one command is one worker; resqued runs several"),
        (
            {"MAX_INTERVAL": "5"},
            "MIN_INTERVAL=: goes with MAX_INTERVAL",
        ),
        (
            {"MIN_INTERVAL": "6", "MAX_INTERVAL": "5", "BACKOFF_INTERVAL": "1"},
            "MIN_INTERVAL=6: is more than MAX_INTERVAL=5",
        ),
    ],
)
def test_what_makes_no_sense(given, message):
    """One line that names the variable and its value."""
    with pytest.raises(EnvironmentValueError) as caught:
        environment.command_settings(given)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["RESQUE_TERM_TIMEOUT", "RESQUE_PRE_SHUTDOWN_TIMEOUT"])
def test_a_timeout_that_makes_no_sense(name):
    """The worker does not start."""
    with pytest.raises(EnvironmentValueError, match=f"{name}=x: is no number of seconds"):
        environment.worker_settings({name: "x"})


def test_what_a_command_takes_from_it():
    """All that rake resque:work takes."""
    given = {
        "QUEUE": "low",
        "QUEUES": "high,low",
        "INTERVAL": "0.5",
        "MIN_INTERVAL": "0.2",
        "MAX_INTERVAL": "1",
        "BACKOFF_INTERVAL": "0.3",
        "BACKGROUND": "yes",
        "PIDFILE": "worker.pid",
        "VVERBOSE": "1",
        "FAILURE_BACKEND": "redis_multi_queue",
        "COUNT": "1",
    }
    assert environment.command_settings(given) == environment.CommandSettings(
        queues="high,low",
        interval=0.5,
        growth=Growth(least=0.2, most=1.0, step=0.3),
        background=True,
        pidfile="worker.pid",
        is_very_verbose=True,
        failure_backend="redis_multi_queue",
    )


@pytest.mark.parametrize(
    ("given", "queues"),
    [
        ({}, None),
        ({"QUEUE": "a"}, "a"),
        ({"QUEUES": "", "QUEUE": "a"}, ""),
        ({"QUEUES": "b", "QUEUE": "a"}, "b"),
    ],
)
def test_queues_goes_before_queue(given, queues):
    """Even when it is empty, which then is no queue at all."""
    assert environment.command_settings(given).queues == queues
