"""What an orchestrator wants to know, as yes or no and why; pure, from the master's own word."""

from dataclasses import dataclass

from resqued.control.status import Health


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a probe."""

    is_good: bool
    reason: str  #: one line


def ready(health: Health) -> Verdict:
    """Whether a generation works and enough workers do.

    Enough is what a reload leaves at work: all but a tenth, or but one. In a pool of one it is that
    one, which a reload without jobs replaces in a moment.
    """
    if health.mode != "working":
        return Verdict(is_good=False, reason=f"the pool is {health.mode}")
    if health.generation is None or health.configured is None:
        return Verdict(is_good=False, reason="no generation works")
    count = f"{min(health.serving, health.configured)} of {health.configured} workers are there"
    if health.serving > health.configured:
        count += f", and {health.serving - health.configured} that are to leave"
    return Verdict(health.serving >= _enough(health.configured), count)


def started(health: Health, *, before: bool) -> Verdict:
    """Whether a generation has proved itself, now or ``before``."""
    if before or health.generation is not None:
        return Verdict(is_good=True, reason="a generation has proved itself")
    return Verdict(is_good=False, reason="no generation has proved itself yet")


def _enough(configured: int) -> int:
    if configured <= 1:
        return configured
    return max(1, configured - max(1, configured // 10))
