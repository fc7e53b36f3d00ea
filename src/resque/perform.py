"""Perform a job."""

from resque.payload import Payload
from resque.registry import Registry

#: Where a failure's backtrace ends: frames up to this file's are ours.
THIS_FILE = __file__


def perform(payload: Payload, registry: Registry) -> None:
    """Run the job in this process; raises whatever it raises, UnknownJobError if there is none."""
    registry.find(payload.class_name).perform(*payload.args)
