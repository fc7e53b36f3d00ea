"""The ``resqued`` command: reads the command line and starts the role it asks for."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from resqued import __version__
from resqued.cli import arguments, mistyped
from resqued.cli.arguments import Request, UsageError
from resqued.exit_codes import ExitCode

#: What looks after a running daemon, if it is the first word: the command's name, and its module.
_VERBS = "verbs"
_COMMANDS = {
    "quit-and-wait": "quit_and_wait",
    "memory": "memory",
    "status": "status",
    "top": "top",
    "plan": "plan",
    "reload": "reload",
    "stacks": "stacks",
    "scale": "scale",
    **dict.fromkeys(("pause", "resume", "stop", "restart", "reexec", "reopen-logs"), _VERBS),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``resqued`` command; returns its exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in _COMMANDS:
        return _run_command(words[0], words[1:])
    try:
        request = _request(words)
    except UsageError as error:
        print(f"resqued: {error}", file=sys.stderr)
        print(arguments.USAGE, file=sys.stderr)
        return ExitCode.USAGE
    if request.wants_help:
        print(arguments.HELP)
        return ExitCode.OK
    if request.wants_version:
        print(f"resqued {__version__}")
        return ExitCode.OK
    return _role(request)(request)


def _request(words: Sequence[str]) -> Request:
    """Read what is no command. Raises UsageError, also for one that was mistyped."""
    # Before the options: those of a command are not known here.
    for word in words[:1]:
        _check(word, is_first=True)
    request = arguments.parse(words)
    for path in request.paths[:1]:
        _check(path, is_first=False)
    return request


def _check(word: str, *, is_first: bool) -> None:
    problem = mistyped.explain(word, _COMMANDS, is_first=is_first)
    if problem is not None:
        raise UsageError(problem)


def _run_command(name: str, words: Sequence[str]) -> int:
    """Run what looks after a running daemon; only that is loaded."""
    module = import_module(f"resqued.cli.{_COMMANDS[name]}")
    run: Callable[..., int] = module.main
    return run(name, words) if _COMMANDS[name] == _VERBS else run(words)


def _role(request: Request) -> Callable[[Request], int]:
    """Load what is asked for, and only that."""
    if request.wants_memory:
        from resqued.cli import show_memory  # noqa: PLC0415 - the master has no use for it

        return show_memory.run
    if request.wants_test:
        from resqued.cli import show  # noqa: PLC0415 - only this one loads the configuration

        return show.run
    from resqued.cli import start  # noqa: PLC0415

    return start.run
