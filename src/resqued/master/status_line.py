"""The state of the pool in one short line, for whoever wants no more."""

from resqued.master.generations import Generations

#: Characters; the reason of a failure may be a long text.
_LONGEST = 300
_TRACEBACK = "Traceback (most recent call last):"


def describe(
    generations: Generations,
    failure: tuple[int, str] | None,
    *,
    is_paused: bool,
    is_stopping: bool,
) -> str:
    """Return the line; ``failure`` is the last generation that failed, and why."""
    count = sum(1 for _ in generations.workers())
    if is_stopping:
        return f"Stopping, workers left: {count}"
    if is_paused:
        return f"Paused, workers left: {count}"
    parts = [
        *_failed(generations, failure),
        *_working(generations, count),
        *_loading(generations),
    ]
    line = "; ".join(parts) or "no generation works"
    return line[0].upper() + line[1:]


def _failed(generations: Generations, failure: tuple[int, str] | None) -> list[str]:
    """Tell of a failure as long as no later generation has done better."""
    if failure is None or (generations.owner and generations.owner.number > failure[0]):
        return []
    number, reason = failure
    return [f"generation {number} failed: {_in_one_line(reason)}"]


def _working(generations: Generations, count: int) -> list[str]:
    owner = generations.owner
    if owner is None or owner.plan is None:
        return []
    others = count - len(owner.workers)
    more = f", {others} of others" if others else ""
    wanted = owner.plan.asked_for.total()
    return [f"generation {owner.number}: {owner.at_work} of {wanted} workers{more}"]


def _loading(generations: Generations) -> list[str]:
    booting = generations.booting
    return [f"loading generation {booting.number}"] if booting else []


def _in_one_line(reason: str) -> str:
    """Return the first line, and of a traceback the last one, too, which says what was raised."""
    lines = reason.splitlines() or [""]
    said = f"{lines[0]}: {lines[-1]}" if _TRACEBACK in lines else lines[0]
    shown = "".join(character if character.isprintable() else " " for character in said)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."
