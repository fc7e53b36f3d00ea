"""The listener's workers: fill the slots, let the built ones through, notice who has left."""

import logging
from collections.abc import Callable
from signal import Signals

from resqued.clock import Clock
from resqued.config.hooks import run_hooks
from resqued.config.model import Config, WorkerSpec
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.listener.slots import SlotState, WorkerSlot
from resqued.process.waiter import Source, Waiter
from resqued.worker.gate import Gate, Ticket
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)

#: What a forked child runs, given its configuration and its place at the gate.
WorkerBody = Callable[[WorkerSpec, Ticket], int]


class Workers:
    """All slots of one generation, and what is said to the master about them."""

    def __init__(
        self, config: Config, channel: Channel, waiter: Waiter, clock: Clock, body: WorkerBody
    ) -> None:
        self._after_exit = config.hooks.after_exit
        self._channel = channel
        self._waiter = waiter
        self._body = body
        self._slots = [WorkerSlot(n, spec, clock) for n, spec in enumerate(config.workers)]

    @property
    def configured(self) -> int:
        """How many workers the configuration asks for."""
        return len(self._slots)

    @property
    def alive(self) -> int:
        """How many slots have a process."""
        return sum(slot.is_occupied for slot in self._slots)

    @property
    def next_ask_in(self) -> float | None:
        """Seconds until a slot's backoff is over; None: no slot waits for the clock."""
        due = (slot.due_in for slot in self._slots)
        return min((seconds for seconds in due if seconds is not None), default=None)

    def ask(self) -> None:
        """Ask the master for every slot that is empty and due."""
        for slot in self._slots:
            if slot.due_in == 0.0:
                slot.ask()
                self._channel.send(messages.Ask(slot.number))

    def granted(self, number: int) -> None:
        """Fork the worker that the master has granted, if it is still wanted."""
        slot = self._slots[number]
        if slot.state is not SlotState.ASKING:
            self._channel.send(messages.NotStarted(number))
            return
        gate, ticket = Gate.pair()

        def body() -> int:
            gate.close()
            return self._body(slot.spec, ticket)

        try:
            slot.start(body, gate)
        except OSError as error:
            log.error("Cannot fork a worker: %s", error)  # noqa: TRY400 - the line says all
            gate.close()
            self._channel.send(messages.NotStarted(number))
        else:
            self._waiter.watch(gate)
            self._channel.send(messages.Started(number, slot.pid))
        finally:
            ticket.close()

    def watched(self, pid: int) -> None:
        """Note that the master watches ``pid``: it may pass its gate, and be reaped."""
        slot = next((slot for slot in self._slots if slot.is_occupied and slot.pid == pid), None)
        if slot is not None and slot.watched():
            self._works(slot)

    def read_gates(self, ready: list[Source]) -> None:
        """Take in which workers have been built."""
        reached = {id(source) for source in ready}
        for slot in self._slots:
            if slot.gate is None or id(slot.gate) not in reached:
                continue
            if not slot.gate.is_reached():
                self._close_gate(slot)
            elif slot.reached_gate():
                self._works(slot)

    def reap(self) -> None:
        """Take in which workers have ended, and run the ``after_exit`` hooks for them."""
        for slot in self._slots:
            summary = slot.reap()
            if summary is not None:
                self._close_gate(slot)
                self._run_after_exit(summary)

    def stop(self, number: Signals) -> None:
        """Tell every worker to leave, by this signal, and start no other."""
        for slot in self._slots:
            slot.send(number)

    def master_is_gone(self) -> None:
        """Nobody else waits for the ends of our workers now, so they may be reaped."""
        for slot in self._slots:
            slot.watched()

    def close(self) -> None:
        """In a forked child: let go of the gates of the others."""
        for slot in self._slots:
            if slot.gate is not None:
                slot.gate.close()

    def _works(self, slot: WorkerSlot) -> None:
        self._channel.send(messages.WorkerReady(slot.number, slot.pid))
        log.info("Worker %d for %s works", slot.pid, ",".join(slot.spec.queues))

    def _close_gate(self, slot: WorkerSlot) -> None:
        gate = slot.take_gate()
        if gate is not None:
            self._waiter.forget(gate)
            gate.close()

    def _run_after_exit(self, summary: WorkerSummary) -> None:
        try:
            run_hooks(self._after_exit, summary)
        except Exception:
            log.exception("An after_exit hook failed")
