"""How a failure is named on the command line: by number, by digest, or by both.

Numbers shift when others remove records; a digest is of the record's bytes, so it never means
another one.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from itertools import islice

from resque.cli.screen import confirm
from resque.errors import ResqueError
from resque.failure.entry import FailureEntry
from resque.failure.failures import Failures

_NAME = re.compile(r"(?:(?P<index>[0-9]{1,18})-)?(?P<digest>[0-9a-f]{8,16})|(?P<number>[0-9]{1,7})")


def short_id(entry: FailureEntry) -> str:
    """Return the number and the beginning of the digest."""
    return f"{entry.index}-{entry.digest[:8]}"


def described(entry: FailureEntry) -> str:
    """Return what a failure is, in some words."""
    return ascii(f"{short_id(entry)} ({entry.class_name} of {entry.queue})")[1:-1]


def find(failures: Failures, name: str, queue: str | None) -> FailureEntry:
    """Return the failure that is meant; raises ResqueError if it is none, or may be several."""
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        raise ResqueError(f"{name!r} is no failure's ID, such as 3-8c7dd922")
    if parsed["number"]:
        entry = failures.get(int(parsed["number"]), queue=queue)
        if entry is None:
            raise ResqueError(f"there is no failure number {parsed['number']}")
        return entry
    index = None if parsed["index"] is None else int(parsed["index"])
    there = None if index is None else failures.get(index, queue=queue)
    if there is not None and there.index == index and there.digest.startswith(parsed["digest"]):
        return there
    return _only(name, _by_digest(failures, parsed["digest"], queue), index)


def find_to_change(failures: Failures, request: argparse.Namespace) -> FailureEntry:
    """Return the failure that is meant; a number alone must be confirmed, as it may have shifted.

    Raises as ``find``.
    """
    entry = find(failures, request.id, request.queue)
    is_number = request.id.isdecimal() and len(request.id) < 8
    if not is_number or request.yes or request.dry_run:
        return entry
    if not sys.stdin.isatty():
        raise ResqueError(
            f"number {request.id} may have shifted; it is {described(entry)} now: give that ID,"
            " or --yes"
        )
    if not confirm(f"Is {described(entry)} meant?", yes=False):
        raise ResqueError("no failure was changed")
    return entry


def _by_digest(failures: Failures, digest: str, queue: str | None) -> Iterator[FailureEntry]:
    return (
        entry
        for entry in failures.each(queue=queue, newest_first=True)
        if entry.digest.startswith(digest)
    )


def _only(name: str, found: Iterator[FailureEntry], index: int | None) -> FailureEntry:
    some = list(islice(found, 4))
    if not some:
        raise ResqueError(f"there is no failure {name} any more: it was changed or removed")
    in_place = [entry for entry in some if entry.index == index]
    candidates = in_place or some
    if len(candidates) > 1:
        ids = ", ".join(short_id(entry) for entry in candidates)
        raise ResqueError(f"{name} may be one of several: {ids}")
    return candidates[0]
