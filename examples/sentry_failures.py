"""Report failed jobs to Sentry, beside the records that the dashboard shows.

    pip install sentry-sdk    # 2.0 or newer

In what your workers load::

    import sentry_sdk
    import resque
    from resque.failure import multiple
    from sentry_failures import SentryFailures

    sentry_sdk.init(dsn="https://...")
    resque.connect(failures=multiple("redis", SentryFailures()))
"""

from resque.errors import DecodeError
from resque.failure import FailedJob
from resque.payload import Payload


class SentryFailures:
    """A failure backend that sends an event for each failure, and keeps nothing.

    The job's arguments are not sent: they may be what your customers told you in confidence.
    """

    def __init__(self, flush_timeout: float = 2.0) -> None:
        """A worker waits up to ``flush_timeout`` seconds for an event to be sent."""
        self._flush_timeout = flush_timeout

    def save(self, failed: FailedJob) -> None:
        """Send the exception, or where it was another process's what is known of it."""
        import sentry_sdk

        with sentry_sdk.new_scope() as scope:
            scope.set_tag("resque.queue", failed.queue)
            scope.set_tag("resque.class", _class_name(failed))
            scope.set_context("resque", {"worker": failed.worker_id, "failed_at": failed.failed_at})
            if failed.exception is not None:
                sentry_sdk.capture_exception(failed.exception)
            else:
                sentry_sdk.capture_event(_event(failed))
        # The SDK sends from a thread, which the end of the job's process would cut off.
        sentry_sdk.flush(timeout=self._flush_timeout)


def _event(failed: FailedJob) -> dict[str, object]:
    """Describe a failure without exception: a job that was killed, an element that was none."""
    failure = failed.failure
    exception = {"type": failure.exception, "value": failure.error}
    return {"level": "error", "exception": {"values": [exception]}}


def _class_name(failed: FailedJob) -> str:
    try:
        return Payload.decode(failed.element).class_name
    except DecodeError:
        return "no job"
