"""Whether pools may get other sizes now, and which; the answer to ``scale`` (docs/control.md)."""

import logging
from collections.abc import Mapping

from resqued.control.protocol import Code, RefusedError, shown
from resqued.master.generation import Generation
from resqued.master.generations import Generations
from resqued.master.places import PoolPlaces
from resqued.master.reloads import Outcome, Reload
from resqued.pool_size import MAX_POOL_SIZE

log = logging.getLogger(__name__)

#: How many names an error lists.
_MOST = 20


def scalable(generations: Generations, reload: Reload | None) -> Generation:
    """Return the generation whose pools may be scaled now; ``reload`` is the last one.

    Raises RefusedError.
    """
    booting, owner = generations.booting, generations.owner
    if owner is None:
        text = "no generation works; what the files say holds when one does"
        raise RefusedError(Code.NOT_NOW, text)
    # One that could not start its listener is none yet: to be scaled down may be what it waits for.
    is_moving = reload is not None and reload.outcome is Outcome.MOVING
    if booting or generations.fallback or is_moving:
        number = booting.number if booting else owner.number
        raise RefusedError(
            Code.NOT_NOW,
            f"a reload is under way, to generation {number}, which has the sizes of its files:"
            " scale when it is done, or change the files and reload again",
        )
    if owner.is_silent:
        text = f"listener {owner.pid} does not answer; scale when it does, or reload"
        raise RefusedError(Code.NOT_NOW, text)
    if owner.places.pools is None:
        text = f"listener {owner.pid} is of a resqued that cannot scale; reload, then scale"
        raise RefusedError(Code.NOT_NOW, text)
    return owner


def check_sizes(generation: Generation, sizes: Mapping[str, int]) -> list[PoolPlaces]:
    """Return the pools that are named, as they are now. Raises RefusedError for any mistake."""
    known = {pool.name: pool for pool in generation.places.pools or ()}
    if not sizes:
        raise _bad('"pools" names no pool')
    for name, size in sizes.items():
        if name not in known:
            raise _bad(f"there is no pool {shown(name)}; {_listed(list(known))}")
        if size > MAX_POOL_SIZE:
            raise _bad(
                f"the size of pool {shown(name)} must be a whole number from 0 to {MAX_POOL_SIZE},"
                f" not {shown(size)}"
            )
    return [known[name] for name in sizes]


def log_lost_sizes(owner: Generation) -> None:
    """Say which sizes the end of a generation's listener, which nobody asked for, takes along.

    They may be why it has ended: the next one would end of them as well, and so on.
    """
    for pool in owner.places.pools or ():
        if pool.size != pool.configured:
            log.warning(
                "Pool %.200r is not scaled to %d any more: its listener has ended, and the next has"
                " the size of the files (%d when they were last read)",
                pool.name,
                pool.size,
                pool.configured,
                extra={
                    "event": "scale_lost",
                    "generation": owner.number,
                    "pool": pool.name,
                    "was": pool.size,
                    "size": pool.configured,
                },
            )


def _bad(text: str) -> RefusedError:
    return RefusedError(Code.BAD_ARGUMENT, text)


def _listed(names: list[str]) -> str:
    if not names:
        return "the files have no worker_pool"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"the files have {', '.join(map(shown, names[:_MOST]))}{more}"
