"""What Python itself does around each fork, left out where nothing comes of it (CPython).

``threading`` and ``logging`` have every forked child make their locks anew, for the sake of those
that a thread held which the child does not have. Where there was no other thread there is no such
lock, and all of it changes nothing; but it is some hundred instructions of Python that run nowhere
else, and write to pages that the child would otherwise share. Measured, a process that is forked
for a job which does nothing takes a tenth less time without them.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import TypeAlias

_Hook: TypeAlias = Callable[[], object]

#: The versions whose hooks were looked at; of others none is left out, or called.
_KNOWN = ((3, 11), (3, 12), (3, 13))
#: The modules whose hooks they are.
_THEIRS = {"threading", "logging"}
#: Whether those hooks give the thread its new number in the kernel: all else that they change.
_RENEWS_NATIVE_ID = sys.version_info >= (3, 13)


class _Hooks:
    """The hooks of those two, and what is registered in their place."""

    def __init__(self) -> None:
        self.register = os.register_at_fork  #: the function itself
        self.threading: ModuleType | None = None  #: None: they are not in our hands
        self._before: list[_Hook] = []
        self._in_parent: list[_Hook] = []
        self._in_child: list[_Hook] = []
        self._is_idle = False  #: whether nothing would come of them in this fork

    def keep(
        self,
        *,
        before: _Hook | None = None,
        after_in_parent: _Hook | None = None,
        after_in_child: _Hook | None = None,
    ) -> None:
        """Stand in for ``os.register_at_fork``, for those two."""
        given = (before, after_in_parent, after_in_child)
        if not {getattr(hook, "__module__", None) for hook in given if hook} <= _THEIRS:
            self.register(
                before=before, after_in_parent=after_in_parent, after_in_child=after_in_child
            )
            return
        if before is not None:
            self._before.insert(0, before)  # the last is called first (os.register_at_fork)
        if after_in_parent is not None:
            self._in_parent.append(after_in_parent)
        if after_in_child is not None:
            self._in_child.append(after_in_child)

    def before(self) -> None:
        """See whether there is anything to do in this fork, and do it."""
        self._is_idle = False  # also if a signal's handler raises in the look
        try:
            self._is_idle = self.threading is not None and _is_alone(self.threading)
        except Exception:  # noqa: BLE001, S110 - an audit hook may refuse to let frames be looked at
            pass
        if not self._is_idle:
            _call(self._before)

    def in_parent(self) -> None:
        """Do what is to be done in the process that has forked."""
        if not self._is_idle:
            _call(self._in_parent)

    def in_child(self) -> None:
        """Do what is to be done in the forked process."""
        if not self._is_idle:
            _call(self._in_child)
        elif _RENEWS_NATIVE_ID and self.threading is not None:
            self.threading.main_thread()._set_native_id()  # noqa: SLF001


#: Like what it stands in for, one for the whole process.
_OWN = _Hooks()


def adopt() -> None:
    """Load ``threading`` and ``logging``, and leave out their hooks where nothing comes of them.

    For a process that will fork for jobs, before anything else has loaded the two; where something
    has, or in another Python, all stays as it is. Hooks of others are run as ever.
    """
    if not _is_known() or "threading" in sys.modules or "logging" in sys.modules:
        return
    os.register_at_fork = _OWN.keep
    try:
        import logging  # noqa: F401, PLC0415 - imported for its effect
        import threading  # noqa: PLC0415
    finally:
        os.register_at_fork = _OWN.register
    _OWN.threading = threading
    os.register_at_fork(
        before=_OWN.before, after_in_parent=_OWN.in_parent, after_in_child=_OWN.in_child
    )


def rehearse() -> None:
    """Do in this process what Python does in a forked child; it is as one then.

    So that a child need not learn that code for itself (``resque.worker.warm_up``). The hooks of
    the application are not run: they may close what its parent needs. Does nothing in another
    Python, nor where there are other threads. Raises nothing: in a child as well errors of these
    hooks change nothing.
    """
    import logging  # noqa: PLC0415 - who imports this file is not to have loaded them
    import threading  # noqa: PLC0415

    with suppress(Exception):
        if not _is_known() or not _is_alone(threading):
            return
        if _OWN.threading is not None:
            _OWN.before()
            _OWN.in_parent()
            _OWN.in_child()
        else:
            logging._after_at_fork_child_reinit_locks()  # type: ignore[attr-defined]  # noqa: SLF001
            threading._after_fork()  # type: ignore[attr-defined]  # noqa: SLF001


def _is_known() -> bool:
    return (
        sys.implementation.name == "cpython"
        and sys.version_info[:2] in _KNOWN
        and getattr(sys, "_is_gil_enabled", lambda: True)()  # else others run while we look
    )


def _is_alone(threading: ModuleType) -> bool:
    """Whether this thread is the process's only one.

    One of ``threading``'s counts though it be ended, or not begun: a child takes it for lost. Of
    others, threads of C libraries among them, those count that run Python now.
    """
    return len(threading._dangling) == 1 and len(sys._current_frames()) == 1  # noqa: SLF001


def _call(hooks: list[_Hook]) -> None:
    """Call all of them; what one raises is reported (``sys.excepthook``), and the next is run."""
    for hook in hooks:
        try:
            hook()
        except Exception:  # noqa: BLE001 - it is reported
            sys.excepthook(*sys.exc_info())
