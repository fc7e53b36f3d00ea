"""``resqued reload``: new code beside the old, and what became of it."""

import sys
from collections.abc import Sequence
from contextlib import closing
from signal import Signals

from resqued.cli import running
from resqued.cli.arguments import MAX_SECONDS, UsageError, seconds
from resqued.cli.output import say
from resqued.cli.running import Call, Pool, Syntax
from resqued.control.status import Progress, read_progress
from resqued.exit_codes import ExitCode
from resqued.process.signals import SignalInbox
from resqued.process.waiter import Waiter
from resqued.wording import duration, several_lines

_SYNTAX = Syntax(
    name="reload",
    help="""Usage: resqued reload [options]
Has a running pool load its config files and the application anew, beside the old workers (HUP).
    -h, --help                       Show this message
        --wait                       Show how it goes, and return when its outcome is known
        --timeout SECONDS            With --wait: wait no longer than that
Exit status: 0 it was asked for, or, with --wait, the new generation has taken over; 1 it was
refused, has failed or was abandoned, and why; 2 wrong usage; 3 no such pool runs; 99 the time is
up, and the reload goes on.""",
    options=("wait", "timeout="),
)
#: Seconds between two questions. The master need not know who waits, and may replace itself.
_PAUSE = 0.1


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _reload)


def _reload(pool: Pool, call: Call) -> int:
    patience = _patience(call)
    begun_at = pool.clock.now()
    progress = read_progress(pool.ask("reload"))
    reload = progress.reload
    say(f"Reload {reload.number}: generation {reload.generation} loads")
    if not call.has("--wait"):
        return ExitCode.OK
    return _wait(pool, progress, None if patience is None else begun_at + patience)


def _patience(call: Call) -> float | None:
    text = call.values.get("--timeout")
    if text is None:
        return None
    if not call.has("--wait"):
        raise UsageError("option --timeout is for --wait")
    found = seconds(text)
    if found is None:
        raise UsageError(
            f"option --timeout must be a number of seconds from 0 to {MAX_SECONDS}, not {text!r}"
        )
    return found


def _wait(pool: Pool, progress: Progress, until: float | None) -> int:
    """Ask again and again, and show what is new. Raises ResquedError."""
    shown = ""
    with SignalInbox((Signals.SIGTERM, Signals.SIGINT)) as inbox, closing(Waiter()) as waiter:
        waiter.watch(inbox)
        while progress.reload.outcome in ("loading", "moving"):
            line = _line(progress)
            if line != shown:
                shown = line
                if line:
                    say(line)
            if until is not None and pool.clock.now() >= until:
                print("resqued reload: the time is up; the reload goes on", file=sys.stderr)
                return ExitCode.STILL_RUNNING
            waiter.wait(_PAUSE)
            for received in inbox.drain():
                print("resqued reload: waiting no longer; the reload goes on", file=sys.stderr)
                return 128 + received  # as the shell reports a command that a signal has ended
            progress = read_progress(pool.ask("progress", reload=progress.reload.number))
    return _say_outcome(progress)


def _line(progress: Progress) -> str:
    """Return what there is to say while it is under way; nothing while it loads."""
    if progress.reload.outcome == "loading":
        return ""
    return (
        f"Generation {progress.reload.generation} is proved: {progress.ready} of"
        f" {progress.configured} workers work, {progress.former} former ones are left"
    )


def _say_outcome(progress: Progress) -> int:
    reload = progress.reload
    if reload.outcome == "done":
        took = duration(reload.took or 0.0)
        say(f"Generation {reload.generation} has taken over after {took}")
        return ExitCode.OK
    reason = several_lines(reload.reason or "the reason is not known")
    print(f"resqued reload: reload {reload.number} {reload.outcome}: {reason}", file=sys.stderr)
    return ExitCode.FAILED
