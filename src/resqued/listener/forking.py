"""How a worker gets its process, and what its listener holds for it: gate, and group's baton."""

from collections.abc import Iterable
from typing import Protocol

from resqued.config.model import WorkerSpec
from resqued.listener.process import Process
from resqued.listener.slots import WorkerSlot
from resqued.process import limits
from resqued.process.baton import Baton, Batons, Group
from resqued.process.waiter import Waiter
from resqued.worker.gate import Gate, Ticket


class WorkerBody(Protocol):
    """What a forked child runs."""

    def __call__(
        self, spec: WorkerSpec, ticket: Ticket, baton: Baton | None, *, is_canary: bool
    ) -> int:
        """Be a worker, or a canary; returns the exit status."""
        ...


class Forking:
    """Forks the workers of one listener, which waits for what they say."""

    def __init__(self, specs: Iterable[WorkerSpec], body: WorkerBody, waiter: Waiter) -> None:
        self._body = body
        self._waiter = waiter
        self._batons = Batons(map(_group, specs))

    def extend(self, specs: Iterable[WorkerSpec]) -> None:
        """Prepare for workers that are forked from now on; all that are wanted, as at first."""
        self._batons.extend(map(_group, specs))

    def fork(self, slot: WorkerSlot, *, is_canary: bool) -> None:
        """Fork a slot's process. Raises OSError if there is no room for it, or for its gate."""
        gate, ticket = Gate.pair()

        def body() -> int:
            gate.close()
            baton = self._batons.keep(_group(slot.spec))
            return self._body(slot.spec, ticket, baton, is_canary=is_canary)

        try:
            limits.refuse_last_files(gate.fileno())
            slot.fork(body, gate)
        except OSError:
            gate.close()
            raise
        finally:
            ticket.close()
        self._waiter.watch(gate)

    def ended(self, process: Process, spec: WorkerSpec) -> None:
        """Let go of what there was for a process that has been reaped."""
        self._waiter.forget_if_watched(process.gate)
        process.gate.close()
        self._batons.wake(_group(spec))  # it may have watched for the others

    def close(self, others: Iterable[Process]) -> None:
        """In a forked child: let go of the gates of the others, and of what it has not kept."""
        self._batons.close()
        for process in others:
            process.gate.close()
            process.gate.board.close()


def _group(spec: WorkerSpec) -> Group:
    """Return what a worker has in common with those that can watch for it: queues in any order."""
    return tuple(sorted(set(spec.queues)))
