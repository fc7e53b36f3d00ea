"""Lua scripts that the server keeps and runs by their hash."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import resque
from resque.digest import sha1_hex
from resque.errors import ReplyError
from resque.store.words import Reply, Word


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the hash by which EVALSHA names it."""

    name: str
    source: str
    sha1: str

    @classmethod
    def of(cls, name: str, source: str) -> "Script":
        """Return the script with this text."""
        return cls(name, source, sha1_hex(source.encode()))

    @classmethod
    def load(cls, name: str) -> "Script":
        """Read ``resque/lua/<name>.lua``; a missing one is a broken installation (OSError).

        Its hash stands in ``SHA1SUMS`` beside it (KeyError), so that no worker must load what
        computes it; ``make sums`` writes that file after a script was changed.
        """
        # Neither pathlib nor importlib.resources, for which every worker would pay as well.
        folder = f"{resque.__path__[0]}/lua"
        with open(f"{folder}/{name}.lua", encoding="utf-8") as file:
            source = file.read()
        with open(f"{folder}/SHA1SUMS", encoding="ascii") as file:
            sums = {of: sha1 for sha1, of in map(str.split, file)}
        return cls(name, source, sums[f"{name}.lua"])

    def by_hash(self, keys: Sequence[Word], args: Sequence[Word]) -> tuple[Word, ...]:
        """Return the command that runs this script on a server which has it."""
        return ("EVALSHA", self.sha1, len(keys), *keys, *args)

    def evaluate(
        self, call: Callable[..., Reply], keys: Sequence[Word], args: Sequence[Word]
    ) -> Reply:
        """Run this script through ``call``, one command each; raises what that raises.

        A server that does not know the hash has run nothing, so the text can follow safely.
        """
        operands = (len(keys), *keys, *args)
        try:
            return call(*self.by_hash(keys, args))
        except ReplyError as error:
            if error.code != "NOSCRIPT":
                raise
        return call("EVAL", self.source, *operands)
