"""Run the hooks for workers that have ended, in the listener, whose loop waits for them."""

import logging
from collections.abc import Iterable

from resqued.config.hooks import Hook, run_hooks
from resqued.process.limits import TimeOverError, time_limit
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)

#: Seconds that the hooks may take for one worker; meanwhile nothing else happens here.
AFTER_EXIT_TIMEOUT = 30.0


def run_after_exit(hooks: Iterable[Hook], summary: WorkerSummary) -> None:
    """Run the ``after_exit`` hooks for one worker; what goes wrong in them is only logged."""
    try:
        with time_limit(AFTER_EXIT_TIMEOUT):
            run_hooks(hooks, summary)
    except TimeOverError:
        log.error(  # noqa: TRY400 - the line says all
            "after_exit took more than %g s and was cut off",
            AFTER_EXIT_TIMEOUT,
            extra={
                "event": "hook_timed_out",
                "hook": "after_exit",
                "timeout": AFTER_EXIT_TIMEOUT,
            },
        )
    except Exception:
        fields = {"event": "hook_failed", "hook": "after_exit"}
        log.exception("An after_exit hook failed", extra=fields)
