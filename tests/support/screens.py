"""Screens that are kept as files: what differs from run to run is made the same first."""

import os
import pathlib
import re
from collections.abc import Callable

#: Set to write the files anew, from what the tests see; then read what has changed.
_REWRITE = "RESQUED_REWRITE_SCREENS"
_DURATION = r"(?:\d+\.\d|\d+)s|\d+m\d+s|\d+h\d+m"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"(?m)^(?= *\d)[ \d]{7} (?=\S)", "    PID "),
    # How much of these is shown depends on the pid and the time before it.
    (r"(?m)^resqued \S+ \(pid \d+\): (\w+), .*", r"resqued VERSION (pid PID): \1, ..."),
    (r"(?m)^(Generation \d+: \w+ for ).*", r"\1T; ..."),
    (r"\d\d/\d\d \d\d:\d\d:\d\d", "MM/DD hh:mm:ss"),
    (r"[ ▁▂▃▄▅▆▇█]{7}[▁▂▃▄▅▆▇█] {1,3}\d+\.\d", "     BARS RATE"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
)


def check(path: pathlib.Path, screen: str) -> None:
    """Compare a screen with the one that is kept in a file."""
    found = normal(screen)
    if os.environ.get(_REWRITE):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{path.name} shows another screen:\n{found}"


def normal(screen: str) -> str:
    """Return a screen without pids, times, sizes, speeds and paths."""
    for pattern, instead in _PATTERNS:
        screen = re.sub(pattern, instead, screen)
    screen = re.sub(rf"(busy )({_DURATION})( \w+ *)", _kept_wide, screen)
    screen = re.sub(rf"( *)(>?)(?:{_DURATION})(?![\w.])", _to_the_right("T"), screen)
    screen = re.sub(r"( *)()\d+\.\dM", _to_the_right("SIZE"), screen)
    return "\n".join(line.rstrip() for line in screen.splitlines()) + "\n"


def _kept_wide(found: re.Match[str]) -> str:
    """Return a cell without its time, and as wide as it was: others stand beside it."""
    return f"{found[1]}T{found[3]}".ljust(len(found[0]))


def _to_the_right(word: str) -> Callable[[re.Match[str]], str]:
    """Return what puts a word in the place of another, at the right edge of its column."""

    def instead(found: re.Match[str]) -> str:
        blanks, sign = found[1], found[2]
        if len(blanks) < 2:
            return f"{blanks}{sign}{word}"
        return f"{sign}{word}".rjust(len(found[0]))

    return instead
