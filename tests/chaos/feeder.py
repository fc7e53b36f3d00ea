"""Work for the workers of a chaos schedule that come with resque."""

import socket
import threading
from random import Random

from tests.chaos.files import POOL


class Feeder:
    """Puts short jobs into all queues, for the workers that come with resque."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Put no more in."""
        if not self._is_over.is_set():
            self._is_over.set()
            self._thread.join()
            self._connection.close()

    def _run(self) -> None:
        chance = Random(0)
        while not self._is_over.wait(0.03):
            name = chance.choice(f"abcd{POOL}")
            nap = f'{{"class":"Nap","args":[{chance.choice((0.001, 0.02, 0.1, 0.5))}]}}'
            try:
                self._call("SADD", "resque:queues", name)
                self._call("RPUSH", f"resque:queue:{name}", nap)
            except OSError:
                return  # the schedule is over

    def _call(self, *words: str) -> None:
        parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
        self._connection.sendall("".join(parts).encode())
        self._connection.recv(64)
