"""``resqued status``: what a running pool does."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from resqued.cli import running, status_text
from resqued.cli.output import has_colour, say
from resqued.cli.running import Call, Pool, Syntax
from resqued.control.measuring import memory_of
from resqued.control.status import PoolStatus, read_pool
from resqued.exit_codes import ExitCode
from resqued.process.memory import Memory

_SYNTAX = Syntax(
    name="status",
    help="""Usage: resqued status [options]
Shows the generations of a running pool, what each worker does, and its memory (Linux).
    -h, --help                       Show this message
        --json                       Print it as JSON, sizes in bytes, times in seconds
Exit status: 0 a generation works; 1 it cannot be told; 2 wrong usage; 3 no such pool runs; 4 it
runs, and no generation works: it loads, fails to, or is paused.""",
    options=("json",),
)


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _show)


def _show(pool: Pool, call: Call) -> ExitCode:
    content = pool.ask("status")
    status = read_pool(content)
    memory = memory_of(status)
    if call.has("--json"):
        say(json.dumps(_with_memory(content, memory), indent=2))
    else:
        say(status_text.as_text(status, memory, coloured=has_colour(sys.stdout)))
    return ExitCode.OK if _works(status) else ExitCode.NOT_WORKING


def _works(status: PoolStatus) -> bool:
    return any(generation.state == "owner" for generation in status.generations)


def _with_memory(content: dict[str, Any], memory: dict[int, Memory]) -> dict[str, Any]:
    """Return the answer as it is, a newer master's additions included, with sizes beside pids."""

    def sizes(pid: object) -> dict[str, int] | None:
        return asdict(memory[pid]) if isinstance(pid, int) and pid in memory else None

    generations = [
        {
            **generation,
            "memory": sizes(generation["listener"]),
            "workers": [
                {**worker, "memory": sizes(worker["pid"])} for worker in generation["workers"]
            ],
        }
        for generation in content["generations"]
    ]
    master = {**content["master"], "memory": sizes(content["master"]["pid"])}
    shown = {name: value for name, value in content.items() if name not in ("v", "ok")}
    return {**shown, "master": master, "generations": generations}
