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
    EncodeError,
    NotAJobError,
    QueueNameError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    TermException,
)
from resque.registry import JobFunction

connect = APPLICATION.connect
job = APPLICATION.job
enqueue = APPLICATION.enqueue
enqueue_to = APPLICATION.enqueue_to

__all__ = [
    "AddressError",
    "EncodeError",
    "JobFunction",
    "NotAJobError",
    "QueueNameError",
    "ReplyError",
    "Resque",
    "ResqueError",
    "ServerUnavailable",
    "TermException",
    "connect",
    "enqueue",
    "enqueue_to",
    "job",
]
