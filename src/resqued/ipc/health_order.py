"""What the master tells the process that serves health, as the one argument of its program."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from resqued.errors import ResquedError
from resqued.typed import from_json


class HealthOrderError(ResquedError):
    """Raised for arguments that no master has given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOrder:
    """What is to be served, and for how long."""

    listening: int  #: descriptor of the socket at which it is served
    lifeline: int  #: descriptor that ends when the master does
    control: str  #: path of the master's control socket
    log_path: str | None = None  #: None: standard output
    log_format: str = "text"  #: or json; one that is not known is text

    def encode(self) -> list[str]:
        """Return it as the program's arguments."""
        return [json.dumps(asdict(self))]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "HealthOrder":
        """Return it from the program's arguments. Raises HealthOrderError."""
        try:
            (argument,) = arguments
            return from_json(cls, json.loads(argument))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise HealthOrderError(
                "its one argument is a JSON object that a master makes"
            ) from error
