"""What listeners say, and what it means for their generations."""

import logging

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master.generation import Generation, Stage
from resqued.master.generations import Generations
from resqued.master.reloads import Reloads
from resqued.master.verdicts import Verdicts
from resqued.master.watching import Watching

log = logging.getLogger(__name__)


class Hearing:
    """Takes in the messages of every listener."""

    def __init__(
        self,
        generations: Generations,
        watching: Watching,
        reloads: Reloads,
        verdicts: Verdicts,
        clock: Clock,
    ) -> None:
        self._generations = generations
        self._watching = watching
        self._reloads = reloads
        self._verdicts = verdicts
        self._clock = clock

    def read(self, generation: Generation) -> None:
        """Take in what a listener has sent, and send what it had no room for."""
        generation.channel.flush()
        for message in generation.channel.receive():
            self._take(generation, message)
        if generation.channel.foreign_major is not None:
            self._foreign(generation, generation.channel.foreign_major)

    def _take(self, generation: Generation, message: messages.Message) -> None:
        generation.heard_at = self._clock.now()
        generation.is_silent = False
        match message:
            case messages.Loaded():
                self._loaded(generation, message)
            case messages.BootFailed():
                self._boot_failed(generation, message)
            case messages.Proved(app_version):
                generation.app_version = app_version
                self._proved(generation)
            case messages.Pong():
                pass  # that it came is what counts
            case _:
                self._take_of_worker(generation, message)

    def _take_of_worker(self, generation: Generation, message: messages.Message) -> None:
        match message:
            case messages.Ask(slot):
                generation.ask(slot)
            case messages.Started(slot, pid):
                self._watching.started(generation, slot, pid)
            case messages.NotStarted(slot):
                generation.give_back(slot)
            case messages.WorkerReady(slot):
                generation.worker_ready(slot, self._clock.now())
            case messages.Seen():
                generation.seen = message
            case messages.Counted(figures):
                generation.figures = figures
            case messages.Scaled():
                _scaled(generation, message)
            case _:
                log.warning(
                    "Listener #%d sent what only a master says",
                    generation.number,
                    extra={"event": "message_unexpected", **_names(generation)},
                )

    def _loaded(self, generation: Generation, message: messages.Loaded) -> None:
        generation.loaded(
            message.workers,
            message.boot_timeout,
            message.stop_timeout,
            message.version,
            message.pools,
        )
        self._verdicts.loaded(len(message.workers))

    def _proved(self, generation: Generation) -> None:
        if generation.stage is Stage.BOOTING:
            self._generations.proved(generation)
            self._reloads.proved(generation.number)
            log.info(
                "Listener #%d (pid %d) runs",
                generation.number,
                generation.pid,
                extra={"event": "generation_proved", **_names(generation)},
            )

    def _boot_failed(self, generation: Generation, message: messages.BootFailed) -> None:
        if generation.stage is not Stage.BOOTING:
            return  # it was given up before
        generation.failed(self._clock.now())
        if message.is_config_unreadable and not self._verdicts.has_loaded_once:
            self._verdicts.give_up(message.reason)
        else:
            self._verdicts.failed(generation.number, generation.pid, message.reason)

    def _foreign(self, generation: Generation, major: int) -> None:
        reason = (
            f"the installed listener speaks protocol {major}, and this master"
            f" {messages.MAJOR}: stop resqued and start it anew"
        )
        self._boot_failed(generation, messages.BootFailed(reason, is_config_unreadable=True))


def _scaled(generation: Generation, message: messages.Scaled) -> None:
    generation.scaled(message)
    log.info(
        "Pool %.200r of generation %d has %d places",
        message.pool,
        generation.number,
        message.size,
        extra={
            "event": "pool_scaled",
            **_names(generation),
            "pool": message.pool,
            "size": message.size,
        },
    )


def _names(generation: Generation) -> dict[str, int]:
    """Return the fields of a log record that say which listener it is about."""
    return {"generation": generation.number, "listener": generation.pid}
