"""What the server is told, as MONITOR shows it."""

import re
import socket
from types import TracebackType
from typing import Self

#: ``1795459193.523 [0 127.0.0.1:51234] "SET" "key" "value"``; ``lua`` is a script's own command.
_LINE = re.compile(r"\+?\d+\.\d+ \[\d+ (?P<client>[^]]*)\] (?P<words>.*)")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Monitor:
    """Listens from entering on; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("r", encoding="utf-8")

    def read_until(self, marker: str) -> list[list[str]]:
        """Return the words of each command before the first that holds ``marker``.

        A script's own commands begin with ``lua``. Quotes and backslashes are unescaped.
        """
        commands: list[list[str]] = []
        for line in self._file:
            found = _LINE.fullmatch(line.strip())
            assert found is not None, line
            words = [re.sub(r"\\(.)", r"\1", word) for word in _WORD.findall(found["words"])]
            if marker in words:
                return commands
            commands.append(["lua", *words] if found["client"] == "lua" else words)
        raise AssertionError("the server has closed the connection")

    def __enter__(self) -> Self:
        self._socket.sendall(b"MONITOR\r\n")
        assert self._file.readline() == "+OK\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._socket.close()
