"""The jobs of the demo: three kinds, each noting that it ran and how long it had waited."""

import hashlib
import os
import time

import resque

client = resque.connect(namespace=os.environ.get("DEMO_NAMESPACE", "resque"))


def note(queue, number, enqueued_at):
    """Record one performed job; ``enqueued_at`` is seconds of the epoch."""
    entry = f"{number} {time.time() - enqueued_at:.6f}"
    client.server.call("RPUSH", f"{client.keys.namespace}:demo:{queue}", entry)


@resque.job(queue="mail")
def send_mail(number, enqueued_at, address="you@example.org"):
    """Quick: most of its time is the process it runs in."""
    note("mail", number, enqueued_at)


@resque.job(queue="images", name="ImageJob")
class ImageJob:
    """Needs the processor."""

    @classmethod
    def perform(cls, number, enqueued_at):
        hashlib.pbkdf2_hmac("sha256", b"pixels", b"salt", 2_000)
        note("images", number, enqueued_at)


@resque.job(queue="reports")
def report(number, enqueued_at, is_broken=False):
    """Waits for something else, and fails where it is told to."""
    time.sleep(0.002)
    if is_broken:
        raise ValueError(f"report {number} has no data")
    note("reports", number, enqueued_at)
