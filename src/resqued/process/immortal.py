"""Objects whose references nobody counts, so that memory that forks share stays shared.

Python counts the references to an object inside the object: even who only reads it writes to its
page, and a forked process gets a copy of each page that it writes to. Since 3.12 the interpreter
has immortal objects (PEP 683), whose count it leaves alone: its own constants, and whatever else
has a count of all ones, which is all that marks them.
"""

import ctypes
import gc
import sys
import types

#: The versions whose way of marking was looked at and tried; others leave all as it is.
_KNOWN = ((3, 12), (3, 13))
#: The count of an immortal object: the lower half, which comes first, of its first 8 bytes.
_MARK = 0xFFFF_FFFF
_COUNT = ctypes.c_uint32


def is_possible() -> bool:
    """Whether this interpreter's objects can be marked."""
    return (
        sys.implementation.name == "cpython"
        and sys.version_info[:2] in _KNOWN
        and sys.maxsize > 1 << 32
        and sys.byteorder == "little"
        and getattr(sys, "_is_gil_enabled", lambda: True)()  # others count in two places
    )


def immortalize() -> int:
    """Make all objects that this process has immortal; returns how many have become so.

    For a process that has loaded what it will ever have, before it forks; takes about a second for
    a million of them. None of them is ever freed again, nor is what it alone refers to, until its
    container lets go of that: a dictionary may still be emptied. Those with a finalizer
    (``__del__``), such as files, sockets and generators, stay mortal: their end has an effect.
    Does nothing where that is not possible.
    """
    if not is_possible():
        return 0
    marked = 0
    mortal = _Mortal()
    # Whatever the collector knows of, it lists; the rest, like strings and numbers, is behind that.
    for known in gc.get_objects():
        if not mortal.has(known):
            marked += _mark(known)
            marked += _mark_unknown(_referents(known), mortal)
    return marked


def _mark_unknown(found: list[object], mortal: "_Mortal") -> int:
    """Mark those of these that the collector does not know of, and what is behind them."""
    marked = 0
    while found:
        one = found.pop()
        if gc.is_tracked(one) or mortal.has(one) or not _mark(one):
            continue
        marked += 1
        found += _referents(one)
    return marked


# From here on nothing of an object is used that its class could have a say in: no attribute, no
# isinstance. The application's code must not run only because somebody looks at its objects.


def _referents(one: object) -> list[object]:
    if type(one) is not types.CodeType:
        return gc.get_referents(one)
    names = (one.co_names, one.co_filename, one.co_name, one.co_qualname)
    return [one.co_consts, *names, one.co_linetable, one.co_exceptiontable]


def _mark(one: object) -> bool:
    """Make one object immortal; False if it is so already."""
    count = _COUNT.from_address(id(one))
    if count.value == _MARK:
        return False
    count.value = _MARK
    return True


class _Mortal:
    """Which objects stay as they are: that is for their types to say."""

    _mro = type.__dict__["__mro__"].__get__
    _names = type.__dict__["__dict__"].__get__

    def __init__(self) -> None:
        self._kinds: dict[int, bool] = {id(types.FrameType): True}  #: by the type's address

    def has(self, one: object) -> bool:
        """Whether this one does, because its end has an effect."""
        kind = type(one)
        has_effect = self._kinds.get(id(kind))
        if has_effect is None:
            has_effect = any("__del__" in self._names(of) for of in self._mro(kind))
            self._kinds[id(kind)] = has_effect
        return has_effect
