"""``resque failures``: show failures, retry their jobs, remove them."""

import argparse
from typing import Any

from resque.cli import options, reference
from resque.cli.screen import (
    Progress,
    confirm,
    cut,
    print_json,
    print_json_list,
    print_table,
    safe,
)
from resque.errors import NotRequeueableError, ResqueError
from resque.failure.entry import FailureEntry
from resque.failure.failures import Failures
from resque.failure.retry import Requeued, retry_of

_PURPOSES = {
    "list": "show failures, the newest first",
    "show": "show one failure whole",
    "retry": "put jobs into their queues again",
    "remove": "remove one failure",
    "clear": "remove failures",
}


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text) for name, text in _PURPOSES.items()}
    runs = {"list": _list, "show": _show, "retry": _retry, "remove": _remove, "clear": _clear}
    for name, one in made.items():
        options.add_common(one)
        one.add_argument("--queue", help="only those of jobs of this queue")
        one.set_defaults(run=runs[name], complain=one.error)
    for name in ("list", "retry", "clear"):
        made[name].add_argument("--class", dest="class_name", help="only those of this job")
    for name in ("retry", "remove", "clear"):
        options.add_yes(made[name])
        made[name].add_argument("--dry-run", action="store_true", help="only say what it would do")
    for name in ("list", "show"):
        options.add_json(made[name])
    listing, retry, clear = made["list"], made["retry"], made["clear"]
    listing.add_argument("--limit", type=options.count, default=20, help="how many (default 20)")
    listing.add_argument("--offset", type=options.count, default=0, help="how many to pass over")
    listing.add_argument("--oldest", action="store_true", help="the oldest first")
    for name in ("show", "remove"):
        made[name].add_argument("id", metavar="ID", help="as list shows it")
    retry.add_argument("id", metavar="ID", nargs="?", help="as list shows it")
    retry.add_argument("--all", action="store_true", help="all that were not retried yet")
    retry.add_argument("--again", action="store_true", help="also what was retried before")
    clear.add_argument("--retried", action="store_true", help="only those that were retried")


def _failures(request: argparse.Namespace) -> Failures:
    return options.connect(request).failures


def _list(request: argparse.Namespace) -> int:
    found = _failures(request).page(
        request.offset,
        request.limit,
        queue=request.queue,
        class_name=request.class_name,
        newest_first=not request.oldest,
    )
    if request.json:
        print_json_list(map(_fields, found))
    else:
        headers = ("ID", "FAILED AT", "QUEUE", "JOB", "EXCEPTION", "ERROR", "REMARKS")
        print_table(headers, map(_row, found))
    return 0


def _show(request: argparse.Namespace) -> int:
    entry = reference.find(_failures(request), request.id, request.queue)
    if request.json:
        print_json(_fields(entry))
        return 0
    for name, value in _fields(entry).items():
        lines = value if isinstance(value, list) else [value]
        for line in lines:
            if line is not None:
                print(f"{name + ':':<12}{safe(str(line))}")
    return 0


def _retry(request: argparse.Namespace) -> int:
    is_selected = request.all or request.queue or request.class_name
    if request.id is None and not is_selected:
        request.complain("which ones? give an ID, --queue, --class, or --all")
    if request.id is not None and (request.all or request.class_name):
        request.complain("an ID goes with neither --all nor --class")
    failures = _failures(request)
    if request.id is None:
        return _retry_many(request, failures)
    entry = reference.find_to_change(failures, request)
    if entry.is_retried and not request.again:
        raise ResqueError(f"{entry.id} was retried at {entry.retried_at}; --again does so again")
    if not request.dry_run:
        failures.requeue(entry)
    print(f"{'would retry' if request.dry_run else 'retried'} {reference.described(entry)}")
    return 0


def _retry_many(request: argparse.Namespace, failures: Failures) -> int:
    wanted = {"queue": request.queue, "class_name": request.class_name}
    if request.dry_run:
        done = Requeued()
        for entry in failures.each(**wanted):
            done += _would_be(entry, again=request.again)
    else:
        total = failures.count(**wanted)
        if request.all and not confirm(f"Retry {total} failures?", yes=request.yes):
            return 1
        progress = Progress(total)
        done = failures.requeue_all(
            **wanted, again=request.again, report=lambda so_far: progress.show(_sum(so_far))
        )
        progress.end()
    what = "would be retried" if request.dry_run else "retried"
    print(
        f"{done.requeued} {what}, {done.skipped} retried before,"
        f" {done.refused} hold no job, {done.gone} changed meanwhile"
    )
    return 0


def _remove(request: argparse.Namespace) -> int:
    failures = _failures(request)
    entry = reference.find_to_change(failures, request)
    if not request.dry_run and not failures.remove(entry):
        raise ResqueError(f"{entry.id} was changed or removed meanwhile")
    print(f"{'would remove' if request.dry_run else 'removed'} {reference.described(entry)}")
    return 0


def _clear(request: argparse.Namespace) -> int:
    failures = _failures(request)
    wanted = {"queue": request.queue, "class_name": request.class_name}
    if request.retried:
        count = sum(entry.is_retried for entry in failures.each(**wanted, newest_first=True))
    else:
        count = failures.count(**wanted)
    if request.dry_run:
        print(f"{count} would be removed")
        return 0
    if not confirm(f"Remove {count} failures?", yes=request.yes):
        return 1
    clear = failures.clear_retried if request.retried else failures.clear
    print(f"{clear(**wanted)} removed")
    return 0


def _would_be(entry: FailureEntry, *, again: bool) -> Requeued:
    if entry.is_retried and not again:
        return Requeued(skipped=1)
    try:
        retry_of(entry, "")
    except NotRequeueableError:
        return Requeued(refused=1)
    return Requeued(requeued=1)


def _sum(done: Requeued) -> int:
    return done.requeued + done.skipped + done.refused + done.gone


def _row(entry: FailureEntry) -> tuple[object, ...]:
    remarks = [*entry.problems, *([f"retried {entry.retried_at}"] if entry.is_retried else [])]
    return (
        reference.short_id(entry),
        entry.failed_at,
        entry.queue,
        entry.class_name,
        entry.exception,
        cut(entry.error or ""),
        cut("; ".join(remarks)),
    )


def _fields(entry: FailureEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "failed_at": entry.failed_at,
        "queue": entry.queue,
        "class": entry.class_name,
        "payload": None if entry.payload is None else _text(entry.payload),
        "exception": entry.exception,
        "error": entry.error,
        "worker": entry.worker,
        "retried_at": entry.retried_at,
        "problems": list(entry.problems),
        "backtrace": list(entry.backtrace),
        "record": _text(entry.raw) if entry.is_malformed else None,
    }


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
