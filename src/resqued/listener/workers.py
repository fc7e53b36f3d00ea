"""The listener's workers: fill the slots, let the built ones through, notice who has left."""

import logging
from signal import Signals

from resqued.clock import Clock
from resqued.config.model import Config, WorkerSpec
from resqued.figures import Figures
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.listener import scaling
from resqued.listener.accounts import Accounts
from resqued.listener.after_exit import run_after_exit
from resqued.listener.forking import Forking, WorkerBody
from resqued.listener.process import Process
from resqued.listener.recovery import Recoveries
from resqued.listener.sight import sight_of
from resqued.listener.slots import SlotState, WorkerSlot
from resqued.process.waiter import Source, Waiter
from resqued.worker.death import WorkerDeath
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)


class Workers:
    """All slots of one generation, and what is said to the master about them."""

    def __init__(
        self,
        config: Config,
        channel: Channel,
        waiter: Waiter,
        clock: Clock,
        body: WorkerBody,
        recoveries: Recoveries,
    ) -> None:
        self._stop_timeout = config.stop_timeout
        self._after_exit = config.hooks.after_exit
        self._recoveries = recoveries
        self._channel = channel
        self._waiter = waiter
        self._clock = clock
        self._pools = {pool.name: pool for pool in config.pools}
        self._slots = [WorkerSlot(n, spec, clock) for n, spec in enumerate(config.workers)]
        self._accounts = Accounts()
        self._forking = Forking(config.workers, body, waiter)
        #: On which server the jobs of its workers are, as one of them has said.
        self.server: messages.QueueServer | None = None
        self._is_closing = False
        self._may_reap = False  #: whether a worker may have ended, or may be reaped now, since
        self._last_words: str | None = None  #: of a process that could not start

    @property
    def configured(self) -> int:
        """How many workers there are to be."""
        return sum(slot.is_wanted for slot in self._slots)

    @property
    def alive(self) -> int:
        """How many slots have a worker; a canary is none yet."""
        return sum(slot.is_occupied for slot in self._slots)

    @property
    def is_busy(self) -> bool:
        """Whether a worker or a canary is left, or a dead one still to be seen to."""
        return any(slot.process is not None for slot in self._slots) or self._recoveries.is_busy

    @property
    def next_step_in(self) -> float | None:
        """Seconds until the next moment comes: a pause's end, a time limit's, a recovery's."""
        due = [
            seconds
            for slot in self._slots
            for seconds in (slot.due_in, slot.announced_in, slot.overdue_in)
        ]
        due.append(self._recoveries.next_step_in)
        return min((seconds for seconds in due if seconds is not None), default=None)

    # --- proof ----------------------------------------------------------------------------

    def start_canary(self) -> None:
        """Fork the first slot's worker ahead of its grant. Raises OSError."""
        if self._slots:
            self._forking.fork(self._slots[0], is_canary=True)

    @property
    def is_proved(self) -> bool:
        """Whether the canary is through its hooks, or there is nothing to prove."""
        return not self._slots or self._canary_is_ready()

    @property
    def disproof(self) -> str | None:
        """Why the canary did not get through; None: it did, or still may."""
        if self.is_proved or self._slots[0].process is not None:
            return None
        return self._last_words

    def _canary_is_ready(self) -> bool:
        process = self._slots[0].process
        return process is not None and process.is_ready

    def look(self) -> tuple[messages.SlotSight, ...]:
        """Return what there is to be seen of each slot, but for those that are done with."""
        seen = (slot for slot in self._slots if slot.is_wanted or slot.process is not None)
        return tuple(map(sight_of, seen))

    def figures(self) -> Figures:
        """Return what was counted of all workers, those that have ended included."""
        present = (slot.process for slot in self._slots if slot.is_occupied)
        return self._accounts.figures(process for process in present if process is not None)

    # --- the master's orders --------------------------------------------------------------

    def ask(self) -> None:
        """Ask the master for every slot that is empty and due."""
        for slot in self._slots:
            if slot.due_in == 0.0:
                slot.ask()
                self._channel.send(messages.Ask(slot.number))

    def announce(self) -> None:
        """Tell the master of the workers that work since the last round."""
        for slot in self._slots:
            if slot.announce_if_due():
                self._channel.send(messages.WorkerReady(slot.number, slot.pid))
                queues = slot.spec.queues
                fields = {"event": "worker_started", "worker": slot.pid, "queues": queues}
                log.info("Worker %d for %s works", slot.pid, ",".join(queues), extra=fields)

    def granted(self, number: int) -> None:
        """Start the worker that the master has granted, if it is still wanted."""
        slot = self._slots[number]
        if slot.state is not SlotState.ASKING:
            self._channel.send(messages.NotStarted(number))
            return
        if slot.process is None:
            try:
                self._forking.fork(slot, is_canary=False)
            except OSError as error:
                fields = {"event": "fork_failed", "reason": str(error)}
                log.error("Cannot fork a worker: %s", error, extra=fields)  # noqa: TRY400
                slot.not_forked()
                self._channel.send(messages.NotStarted(number))
                return
        slot.start()
        self._channel.send(messages.Started(number, slot.pid))

    def watched(self, pid: int) -> None:
        """Note that the master watches ``pid``: it may pass its gate, and be reaped."""
        for slot in self._slots:
            if slot.process is not None and slot.pid == pid:
                slot.process.is_watched = True
                self._may_reap = True  # it may have ended before, which was left alone then
                slot.open_if_due()

    def retire(self, number: int) -> None:
        """Have a worker leave when its job is done; its slot asks again."""
        self._slots[number].send(Signals.SIGQUIT)

    def scale(self, name: str, size: int) -> None:
        """Give a pool another size, and tell the master what the slots are now.

        Who is one too many stays until the master has it leave. One that stops has no use for it.
        """
        pool = self._pools.get(name)
        if pool is None or self._is_closing:
            return
        missing = scaling.resize(pool, size, self._slots)
        first = len(self._slots)
        self._slots += [WorkerSlot(n, spec, self._clock) for n, spec in enumerate(missing, first)]
        self._forking.extend(slot.spec for slot in self._slots if slot.is_wanted)
        self._channel.send(scaling.scaled(name, size, self._slots))

    def stop(self, number: Signals) -> None:
        """Tell every worker to leave, by this signal, and start no other."""
        self._is_closing = True
        for slot in self._slots:
            slot.close(number)

    def signal(self, number: Signals) -> None:
        """Pass a signal on that asks nobody to leave."""
        for slot in self._slots:
            slot.pass_on(number)

    def master_is_gone(self) -> None:
        """Nobody else waits for the ends of our workers now, so they may be reaped."""
        self._may_reap = True
        for slot in self._slots:
            if slot.process is not None:
                slot.process.is_watched = True

    def end_overdue(self) -> None:
        """Have those workers leave whose jobs take too long, and that do not see to it."""
        for slot in self._slots:
            slot.end_if_overdue(self._stop_timeout)

    # --- news -----------------------------------------------------------------------------

    def listen(self, ready: list[Source]) -> None:
        """Take in what the workers have said: that they are built, or why they cannot be."""
        spoken = {id(source) for source in ready}
        for slot in self._slots:
            process = slot.process
            if process is not None and id(process.gate) in spoken:
                process.listen()
                self.server = process.server or self.server
                if process.gate.is_closed:
                    self._waiter.forget_if_watched(process.gate)
                slot.open_if_due()

    def child_ended(self) -> None:
        """Note that the kernel has reported the end of a child (SIGCHLD)."""
        self._may_reap = True

    def reap(self) -> None:
        """Take in which workers have ended, and run the ``after_exit`` hooks for them.

        Before any hook, which may take its time, somebody begins to see to what they have left.
        """
        self._recoveries.step()
        if not self._may_reap:
            return
        self._may_reap = False
        summaries = [self._reap(slot) for slot in self._slots]
        for summary in summaries:
            if summary is not None:
                run_after_exit(self._after_exit, summary)

    def close(self) -> None:
        """In a forked child: let go of what the listener holds for all of them."""
        self._forking.close(slot.process for slot in self._slots if slot.process is not None)

    def _reap(self, slot: WorkerSlot) -> WorkerSummary | None:
        """Free the slot if its process has ended; returns the life of a worker, not a canary's."""
        process = slot.process
        if process is None:
            return None
        summary = slot.reap(closing=self._is_closing)
        if slot.process is None:
            silent = f"the canary ended before it was ready: {process.status}"
            self._last_words = process.failure or silent
            self._forking.ended(process, slot.spec)
        if summary is not None:
            assert slot.last_end is not None
            self._accounts.close(process, slot.last_end.kind)
            if process.may_have_left_a_job:
                self._recoveries.begin(_death(process, slot.spec))
        return summary


def _death(process: Process, spec: WorkerSpec) -> WorkerDeath:
    overdue = spec.limits.timeout if process.overtime.is_terminated else None
    return WorkerDeath(
        process.pid, process.name, spec.queues, spec.on_worker_death, spec.max_deaths, overdue
    )
