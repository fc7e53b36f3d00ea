"""resque: a job library that speaks Resque's wire protocol.

    import resque

    @resque.job(queue="mail")
    def send(address, subject="hello"): ...

    send.enqueue("a@example.org")

A worker of the same queue, here or in Ruby, on this host or another, runs it.
"""

__version__ = "0.1.0"

from resque.application import APPLICATION
from resque.client import Resque
from resque.errors import (
    AddressError,
    DirtyExit,
    DontPerform,
    EncodeError,
    FailureHookError,
    NotAJobError,
    QueueNameError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    TermException,
)
from resque.function import JobFunction

connect = APPLICATION.connect
# The module ``resque.job`` has been imported above, by the client: from here on the name is ours.
job = APPLICATION.job
enqueue = APPLICATION.enqueue
enqueue_to = APPLICATION.enqueue_to

before_first_fork = APPLICATION.worker_hooks.before_first_fork
before_fork = APPLICATION.worker_hooks.before_fork
after_fork = APPLICATION.worker_hooks.after_fork
before_pause = APPLICATION.worker_hooks.before_pause
after_pause = APPLICATION.worker_hooks.after_pause
queue_empty = APPLICATION.worker_hooks.queue_empty
shutdown = APPLICATION.worker_hooks.shutdown
worker_exit = APPLICATION.worker_hooks.worker_exit

__all__ = [
    "AddressError",
    "DirtyExit",
    "DontPerform",
    "EncodeError",
    "FailureHookError",
    "JobFunction",
    "NotAJobError",
    "QueueNameError",
    "ReplyError",
    "Resque",
    "ResqueError",
    "ServerUnavailable",
    "TermException",
    "after_fork",
    "after_pause",
    "before_first_fork",
    "before_fork",
    "before_pause",
    "connect",
    "enqueue",
    "enqueue_to",
    "job",
    "queue_empty",
    "shutdown",
    "worker_exit",
]
