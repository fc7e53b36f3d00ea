"""One call that a config file makes: checks what it was given and files the complaints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from resqued.config.display import one_line, shown
from resqued.config.options import Checks
from resqued.config.places import Place, modules_under_way
from resqued.config.recorder import Recorder, current
from resqued.config.values import Check, complaint_about_queue

#: A queue's name, or a list of them, however deep.
QueueNames: TypeAlias = "str | Sequence[QueueNames]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call under check. A complaint never stops it, so that one run of a file finds all."""

    name: str
    place: Place
    recorder: Recorder

    def complain(self, text: str) -> None:
        """File a problem with this call; the load will fail at its end."""
        self.recorder.problems.append(self.place.problem(text, "called"))

    def accepts(self, value: object, check: Check) -> bool:
        """Whether a positional value is in order; complains if not."""
        complaint = check(value)
        if complaint is not None:
            self.complain(f"{self.name}({shown(value)}): {complaint}")
        return complaint is None

    def options(self, given: Mapping[str, object], checks: Checks) -> dict[str, Any]:
        """Return the options that are in order, without those given as None."""
        accepted = {}
        for option, value in given.items():
            complaint = self._complaint_about_option(option, value, checks)
            if complaint is not None:
                self.complain(f"{self.name}({one_line(option)}={shown(value)}): {complaint}")
            elif value is not None:
                accepted[option] = value
        return accepted

    def queues(self, names: Sequence[QueueNames]) -> list[str]:
        """Return the names that are in order, from lists however deep."""
        return [
            # Without its own __str__ an enum's member is its plain value.
            str.__str__(name)
            for name in flattened(names)
            if self.accepts(name, complaint_about_queue) and isinstance(name, str)
        ]

    def _complaint_about_option(self, option: str, value: object, checks: Checks) -> str | None:
        if option in checks:
            return checks[option](value)
        return f"no such option; {self.name} knows {', '.join(sorted(checks))}"


def begin(name: str) -> Call:
    """Return the call under way, on behalf of the config file's function of that name.

    Raises ConfigError outside a load.
    """
    recorder = current(name)
    recorder.modules |= modules_under_way()
    return Call(name=name, place=recorder.places.here(), recorder=recorder)


def flattened(
    values: Sequence[object], enclosing: tuple[Sequence[object], ...] = ()
) -> Iterator[object]:
    """Yield what is in the lists and tuples, however deep, in order.

    ``enclosing`` are those that they lie in; a list that contains itself is yielded there.
    """
    for value in values:
        if isinstance(value, list | tuple) and not any(value is one for one in enclosing):
            yield from flattened(value, (*enclosing, value))
        else:
            yield value
