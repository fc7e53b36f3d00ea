"""Load the configuration and the application into a new listener."""

import gc
import logging
import threading
import traceback

from resqued.clock import Clock
from resqued.config import loader
from resqued.config.errors import ConfigError
from resqued.config.hooks import BeforeForkContext, run_hooks
from resqued.config.model import Config
from resqued.errors import ResquedError
from resqued.process import gaps, huge_pages, immortal
from resqued.worker import factory

log = logging.getLogger(__name__)


class BootError(ResquedError):
    """Raised when this generation cannot run; its text is for the log, as it is."""

    def __init__(self, reason: str, *, is_config_unreadable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_config_unreadable = is_config_unreadable


def load_config(paths: tuple[str, ...]) -> Config:
    """Run the config files. Raises BootError."""
    try:
        config = loader.load(paths)
    except ConfigError as error:
        raise BootError(str(error), is_config_unreadable=True) from error
    for warning in config.warnings:
        log.warning("%s", warning, extra={"event": "config_warning"})
    return config


def load_application(config: Config, clock: Clock) -> str | None:
    """Run the ``before_fork`` hooks and make ready for forking; returns the app's version.

    Raises BootError with the whole traceback if a hook fails, or leaves by ``sys.exit``.
    """
    context = BeforeForkContext()
    try:
        run_hooks(config.hooks.before_fork, context)
        _warn_of_threads()
        if config.worker_factory is None:
            factory.preload()
    except (Exception, SystemExit) as error:
        reason = "before_fork failed\n" + traceback.format_exc().rstrip()
        raise BootError(reason, is_config_unreadable=False) from error
    _make_ready_for_forks(clock, has_immortals=bool(context.immortal))
    return None if context.app_version is None else str(context.app_version)


def _make_ready_for_forks(clock: Clock, *, has_immortals: bool) -> None:
    # What is garbage now is not copied into every worker, and what stays is touched by no reader's
    # counting and by no worker's collector, so that its pages stay shared.
    gc.collect()
    if has_immortals and (count := immortal.immortalize()):
        fields = {"event": "objects_immortal", "objects": count}
        log.info("%d objects are immortal", count, extra=fields)
    gc.freeze()
    moved = huge_pages.copy_code() + huge_pages.collapse(clock.now)
    fields = {"event": "huge_pages_used", "bytes": moved}
    log.info("%d MB of memory are in huge pages", moved >> 20, extra=fields)
    filled = gaps.fill()  # last, as all of this has left some
    fields = {"event": "gaps_filled", "blocks": filled}
    log.debug("%d gaps in the memory are filled", filled, extra=fields)


def _warn_of_threads() -> None:
    names = [thread.name for thread in threading.enumerate()[1:]]
    if names:
        log.warning(
            "Threads run after before_fork (%s): they do not exist in the workers, and a lock"
            " that one holds during a fork stays locked there. Start them in after_fork.",
            ", ".join(names),
            extra={"event": "threads_found", "threads": names},
        )
