"""Queue patterns as Ruby Resque reads them: File.fnmatch without flags, and ``!`` for "not"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Braces count although they match nothing but themselves: so it is in Ruby Resque.
_WILDCARDS = frozenset("*?{}[]")


def is_dynamic(patterns: Sequence[str]) -> bool:
    """Tell whether the queues depend on which ones exist; otherwise they are the patterns."""
    return any(name.startswith("!") or not _WILDCARDS.isdisjoint(name) for name in patterns)


def select(patterns: Sequence[str], known_names: Iterable[str]) -> list[str]:
    """Return the queues to poll, in order.

    A static list is returned as it is, repetitions and unknown names too. Otherwise each
    pattern is replaced by the known names that it matches, sorted by their bytes, and only the
    first mention of a name stays. A ``!pattern`` takes names away from all the others, wherever
    it stands.
    """
    if not is_dynamic(patterns):
        return list(patterns)
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    # Code points sort as their UTF-8 bytes do.
    names = [name for name in sorted(set(known_names)) if not _any_matches(unwanted, name)]
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    chosen = [name for pattern in wanted for name in names if matches(pattern, name)]
    return list(dict.fromkeys(chosen))


def _any_matches(patterns: Iterable[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def matches(pattern: str, name: str) -> bool:
    r"""Match as Ruby's ``File.fnmatch(pattern, name)``.

    ``*``, ``?``, ``[a-z]``, ``[^a-z]`` and ``[!a-z]`` are special, case counts, and a leading
    dot of the name wants a literal dot. Different from Python's fnmatch: a backslash takes the
    next character literally (and stands for nothing at the end), an unclosed ``[`` and ``[]``
    match no character, ``[!]`` and ``[^]`` match any.
    """
    if name.startswith(".") and pattern[:1] != "." and pattern[:2] != "\\.":
        return False
    return _walk(_parse(pattern), name)


@dataclass(frozen=True, slots=True)
class _One:
    """One character: within one of the ranges, or outside of all if negated."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool = False

    def has(self, character: str) -> bool:
        inside = any(
            first <= character <= last or character in {first, last} for first, last in self.ranges
        )
        return inside != self.is_negated


_ANY_ONE = _One((), is_negated=True)
_NO_ONE = _One(())
_ANY_RUN = None

_Token: TypeAlias = _One | None


def _walk(tokens: Sequence[_Token], name: str) -> bool:
    """Match greedily; on failure let the last ``*`` take one character more and go on from it."""
    at = place = 0
    star: int | None = None
    taken = 0  # the name's place up to which the last star has eaten
    while place < len(name) or at < len(tokens):
        token = tokens[at] if at < len(tokens) else _NO_ONE
        if token is _ANY_RUN:
            star, taken, at = at, place, at + 1
        elif place < len(name) and token.has(name[place]):
            at, place = at + 1, place + 1
        elif star is not None and taken < len(name):
            taken += 1
            at, place = star + 1, taken
        else:
            return False
    return True


def _parse(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            tokens.append(_ANY_RUN)
        elif character == "?":
            tokens.append(_ANY_ONE)
        elif character == "[":
            token, at = _bracket(pattern, at)
            tokens.append(token)
        else:
            literal, at = _character(pattern, at - 1)
            tokens += [_One(((literal, literal),))] if literal else []
    return tokens


def _bracket(pattern: str, at: int) -> tuple[_One, int]:
    """Read from behind the ``[``; return the place behind the ``]``, or the pattern's end."""
    is_negated = pattern[at : at + 1] in {"!", "^"}
    at += is_negated
    ranges: list[tuple[str, str]] = []
    while at < len(pattern):
        if pattern[at] == "]":
            return _One(tuple(ranges), is_negated), at + 1
        first, at = _character(pattern, at)
        last = first
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] != "]":
            last, at = _character(pattern, at + 1)
        ranges.append((first, last))
    return _NO_ONE, at


def _character(pattern: str, at: int) -> tuple[str, int]:
    """Return the literal character at a place, "" if there is none, and the place behind it."""
    if pattern[at : at + 1] == "\\":
        at += 1
    return pattern[at : at + 1], at + 1
