"""The commands that steer a running pool, as signals do, and say what happened."""

from collections.abc import Callable, Sequence
from typing import Any

from resqued.cli import running
from resqued.cli.output import say
from resqued.cli.running import Call, Pool, Syntax
from resqued.control.client import text_of
from resqued.exit_codes import ExitCode

_STATUSES = "Exit status: 0 it was asked for; 1 it was refused; 2 wrong usage; 3 no such pool runs."


def _help(usage: str, what: str, options: str = "") -> str:
    shown = "    -h, --help                       Show this message"
    return f"Usage: resqued {usage} [options]\n{what}\n{shown}{options}\n{_STATUSES}"


def _pause(pool: Pool, _call: Call) -> str:
    answer = pool.ask("pause")
    if text_of(answer, "was") == "paused":
        return "It was paused already"
    return f"Pausing: {_leave_when_done(answer)}; resume goes on"


def _resume(pool: Pool, _call: Call) -> str:
    answer = pool.ask("resume")
    if text_of(answer, "was") != "paused":
        return "The pool was not paused; workers that were are told to go on"
    return "Resuming: a new generation loads what is there now"


def _stop(pool: Pool, call: Call) -> str:
    is_now = call.has("--now")
    answer = pool.ask("stop", now=is_now)
    if is_now:
        return f"Stopping: {_leave(answer)} now; what does not end is killed"
    return f"Stopping: {_leave_when_done(answer)}"


def _restart(pool: Pool, call: Call) -> str:
    answer = pool.ask("restart", worker=call.worker)
    if text_of(answer, "was") == "told":
        return f"Worker {call.worker} was told to leave already"
    return f"Worker {call.worker} leaves when its job is done; another one takes its place"


def _reexec(pool: Pool, _call: Call) -> str:
    pool.ask("reexec")
    return "The installed program is probed; if it is fit it takes over, and reloads"


def _reopen_logs(pool: Pool, _call: Call) -> str:
    answer = pool.ask("reopen-logs")
    path = text_of(answer, "log")
    if not path:
        return "The log goes to standard output: there is nothing to reopen"
    count = answer.get("listeners")
    listeners = "1 listener was" if count == 1 else f"{count} listeners were"
    return (
        f"The master has reopened {path}, {listeners} told to; workers do so before their next line"
    )


def _leave(answer: dict[str, Any]) -> str:
    count = answer.get("workers")
    return "1 worker leaves" if count == 1 else f"{count} workers leave"


def _leave_when_done(answer: dict[str, Any]) -> str:
    jobs = "its job is" if answer.get("workers") == 1 else "their jobs are"
    return f"{_leave(answer)} when {jobs} done"


#: Name of the command, how it is called, what it does.
_VERBS: dict[str, tuple[Syntax, Callable[[Pool, Call], str]]] = {
    syntax.name: (syntax, body)
    for syntax, body in (
        (
            Syntax("pause", _help("pause", "Stops all workers, when their jobs are done (USR2).")),
            _pause,
        ),
        (
            Syntax("resume", _help("resume", "Ends a pause (CONT).")),
            _resume,
        ),
        (
            Syntax(
                "stop",
                _help(
                    "stop",
                    "Stops a pool when its running jobs are done (QUIT); does not wait for that.",
                    "\n        --now                        Stop now (TERM); twice: kill",
                ),
                options=("now",),
            ),
            _stop,
        ),
        (
            Syntax(
                "restart",
                _help("restart WORKER", "Replaces the worker of that pid when its job is done."),
                most_words=1,
                least_words=1,
            ),
            _restart,
        ),
        (
            Syntax(
                "reexec",
                _help("reexec", "Replaces the master by what is installed now (USR1)."),
            ),
            _reexec,
        ),
        (
            Syntax(
                "reopen-logs",
                _help(
                    "reopen-logs", "Opens the log file anew, which every process does by itself."
                ),
            ),
            _reopen_logs,
        ),
    )
}
NAMES = frozenset(_VERBS)


def main(name: str, argv: Sequence[str]) -> int:
    """Run a command with the arguments after its name; returns its exit status."""
    syntax, body = _VERBS[name]

    def run(pool: Pool, call: Call) -> ExitCode:
        say(body(pool, call))
        return ExitCode.OK

    return running.run(syntax, argv, run)
