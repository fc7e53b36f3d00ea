"""Config files of a chaos schedule: good ones, and broken ones of each kind."""

from dataclasses import dataclass
from enum import Enum
from random import Random

#: The queues of one worker, in their order.
Queues = tuple[str, ...]

#: What one file asks for and another asks for may be the same, less, more, or other lists.
QUEUES: tuple[Queues, ...] = (("a",), ("b",), ("c",), ("a", "b"), ("b", "c"))
MOST = 5
#: The name and the only queue of the pool that every file has besides, and that can be scaled.
POOL = "p"


class Trouble(Enum):
    """What is wrong with a file."""

    NONE = "none"
    SYNTAX = "syntax error"
    IMPORT = "import error"
    BEFORE_FORK = "before_fork raises"
    FACTORY = "the factory raises"
    AFTER_FORK = "after_fork raises"
    HANGS = "before_fork hangs"


_LINES = {
    Trouble.NONE: "",
    Trouble.SYNTAX: "worker('a'",
    Trouble.IMPORT: "import a_module_that_is_missing",
    Trouble.BEFORE_FORK: "@before_fork\ndef fail():\n    raise RuntimeError('by design')",
    Trouble.FACTORY: "def fail(queues):\n    raise RuntimeError('by design')\nworker_factory(fail)",
    Trouble.AFTER_FORK: "@after_fork\ndef fail():\n    raise RuntimeError('by design')",
    Trouble.HANGS: "boot_timeout(1)\n@before_fork\ndef hang():\n    time.sleep(3600)",
}


@dataclass(frozen=True)
class Style:
    """What all files of one schedule have in common."""

    is_real: bool = False  #: whether the workers are resque's own
    has_jobs: bool = True
    build: float = 0.0  #: seconds until a worker is built


@dataclass(frozen=True)
class File:
    """One version of the config file."""

    version: int
    workers: tuple[Queues, ...]
    trouble: Trouble = Trouble.NONE
    pool: int = 0  #: workers of the pool

    def text(self, style: Style) -> str:
        """Return the file."""
        lines = ["import time", "import chaos_app", "", "@before_fork", "def load(resqued):"]
        lines += [f"    resqued.app_version = 'v{self.version}'", ""]
        if not style.is_real:
            settings = f"has_jobs={style.has_jobs}, build={style.build}"
            made = f"chaos_app.Worker(queues, {self.version}, {settings})"
            lines.append(f"worker_factory(lambda queues: {made})")
        lines += [f"worker({', '.join(map(repr, q))}, interval=0.1)" for q in self.workers]
        lines.append(f"worker_pool({self.pool}, {POOL!r}, name={POOL!r}, interval=0.1)")
        return "\n".join([*lines, _LINES[self.trouble], ""])

    def lists(self, pool: int) -> tuple[frozenset[str], ...]:
        """Return the queues of all its workers, with so many in the pool."""
        return (*map(frozenset, self.workers), *[frozenset({POOL})] * pool)


def changed(former: File, kind: str, chance: Random) -> File:
    """Return the next file: ``kind`` says how it differs from the one before."""
    workers, pool = list(former.workers), former.pool
    match kind:
        case "changed":
            pool = chance.randint(0, 3)
            workers = [chance.choice(QUEUES) for _ in range(chance.randint(1, MOST))]
        case "renamed":
            names = dict(zip("abc", chance.sample("abcd", 3), strict=True))
            workers = [tuple(names.get(name, name) for name in queues) for queues in workers]
        case "grown":
            pool += chance.randint(0, 2)
            workers += [chance.choice(QUEUES) for _ in range(chance.randint(1, 3))]
        case "shrunk":
            pool //= 2
            workers = chance.sample(workers, max(1, len(workers) // 2)) if workers else workers
        case "emptied":
            workers, pool = [], 0
        case _:
            pass
    chance.shuffle(workers)
    if len(workers) > MOST + 2:
        workers = workers[:MOST]
    return File(former.version + 1, tuple(workers), pool=min(pool, MOST))
