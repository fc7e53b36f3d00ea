"""Which values make sense; each check returns what is wrong with one, or None."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias, TypeGuard

from resqued.config.hooks import is_deferred, takes
from resqued.pool_size import MAX_POOL_SIZE

#: Returns the complaint about a value, worded to stand after it; None if it is in order.
Check: TypeAlias = Callable[[object], str | None]

#: About 11 days; the kernel's poll takes no more than 2**31 ms.
MAX_SECONDS: Final = 1_000_000

#: More than any job should be given.
MAX_DEATHS: Final = 1_000_000
#: What a size in text is: a number above 0, and its unit.
_SIZE: Final = re.compile(
    r"(?P<number>(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,3})?) ?(?P<unit>[KMG]B)", re.IGNORECASE
)
_UNITS: Final = {"KB": 2**10, "MB": 2**20, "GB": 2**30}

#: Control characters, line and paragraph separators, and halves of characters (surrogates).
_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def complaint_about_queue(name: object) -> str | None:
    """A name must be one that Resque can write into a worker's id and a log can show."""
    if not isinstance(name, str):
        holds_itself = isinstance(name, list | tuple)  # all others have been flattened
        problem = "a list of queues cannot contain itself"
        return problem if holds_itself else "a queue's name must be a string"
    if not name:
        return "a queue's name cannot be empty"
    if "," in name:
        return "a queue's name cannot contain a comma"
    if _has_control_characters(name):
        return "a queue's name cannot contain control characters"
    if name.strip() != name:
        return "a queue's name cannot begin or end with a space"
    return None


def complaint_about_pool_name(name: object) -> str | None:
    """A pool's name stands in logs and status."""
    if not isinstance(name, str) or not name:
        return "must be a string that is not empty"
    return "cannot contain control characters" if _has_control_characters(name) else None


def complaint_about_size(size: object) -> str | None:
    """0 is an emptied pool, which a reload may ask for."""
    if _is_whole(size) and 0 <= size <= MAX_POOL_SIZE:
        return None
    return f"the size must be a whole number from 0 to {MAX_POOL_SIZE}"


def complaint_about_count(count: object) -> str | None:
    """0 takes a queue out of service without removing its line; None is as if not given."""
    if count is None or (_is_whole(count) and count >= 0):
        return None
    return "must be a whole number, 0 or more"


def complaint_about_percent(percent: object) -> str | None:
    """0 still means one worker, like every share that is too small; None is as if not given."""
    if percent is None or (_is_whole(percent) and 0 <= percent <= 100):
        return None
    return "must be a whole number from 0 to 100"


def complaint_about_interval(seconds: object) -> str | None:
    """0 is passed on: it has a meaning for Resque's workers."""
    if _is_number(seconds) and 0 <= seconds <= MAX_SECONDS:
        return None
    return f"must be a number of seconds from 0 to {MAX_SECONDS}"


def complaint_about_timeout(seconds: object) -> str | None:
    """A timeout must leave some time."""
    if _is_number(seconds) and 0 < seconds <= MAX_SECONDS:
        return None
    return f"must be a number of seconds above 0, at most {MAX_SECONDS}"


def complaint_about_limit(seconds: object) -> str | None:
    """A limit that can be left out; None is as if not given."""
    return None if seconds is None else complaint_about_timeout(seconds)


def complaint_about_max_jobs(count: object) -> str | None:
    """A process does at least one job; None is as if not given."""
    if count is None or (_is_whole(count) and count >= 1):
        return None
    return "must be a whole number, 1 or more"


def complaint_about_max_age(seconds: object) -> str | None:
    """A worker that is too old as soon as it is there would never work; None is as if not given."""
    if seconds is None or (_is_number(seconds) and 1 <= seconds <= MAX_SECONDS):
        return None
    return f"must be a number of seconds from 1 to {MAX_SECONDS}"


def complaint_about_memory(size: object) -> str | None:
    """Bytes, or a text with a unit; None is as if not given."""
    if size is None or (_is_whole(size) and size >= 1):
        return None
    if isinstance(size, str) and _SIZE.fullmatch(size):
        return None
    return 'must be a number of bytes, or a size such as "200MB" or "1.5GB"'


def in_bytes(size: int | str) -> int:
    """Return a size that is in order as bytes; 1 MB is 1024 * 1024 of them."""
    if isinstance(size, int):
        return size
    found = _SIZE.fullmatch(size)
    assert found is not None
    return max(1, round(float(found["number"]) * _UNITS[found["unit"].upper()]))


def complaint_about_switch(value: object) -> str | None:
    """A switch is exactly on or off; a string would always be on."""
    return None if isinstance(value, bool) else "must be True or False"


def complaint_about_policy(policy: object) -> str | None:
    """There are two ways with a dead worker's job."""
    return None if policy in ("fail", "requeue") else 'must be "fail" or "requeue"'


def complaint_about_deaths(count: object) -> str | None:
    """1 never puts a job back."""
    if _is_whole(count) and 1 <= count <= MAX_DEATHS:
        return None
    return f"must be a whole number from 1 to {MAX_DEATHS}"


def complaint_about_hook(hook: object) -> str | None:
    """A hook is called with its argument, or with nothing."""
    if not callable(hook):
        return "a hook must be callable"
    if is_deferred(hook):
        return "a hook must be a plain function, neither async nor a generator"
    if not (takes(hook, 1) or takes(hook, 0)):
        return "a hook must take one argument or none"
    return None


def complaint_about_factory(factory: object) -> str | None:
    """A factory is called with the list of queues."""
    if not callable(factory):
        return "a factory must be callable"
    if is_deferred(factory):
        return "a factory must be a plain function, neither async nor a generator"
    if not takes(factory, 1):
        return "a factory must take one argument, the list of queues"
    return None


def _has_control_characters(name: str) -> bool:
    return _NOT_IN_NAMES.search(name) is not None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    # NaN and infinity fall out at the comparison that follows in every caller.
    return isinstance(value, int | float) and not isinstance(value, bool)
