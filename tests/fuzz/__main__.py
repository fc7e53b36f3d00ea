"""Fuzz whatever reads what others have written: ``make fuzz``, or ``python -m tests.fuzz``.

Each kind of crash is printed once, with the input that has shown it first and how to try it
again. What is tried follows from the seed alone.
"""

import argparse
import base64
import logging
import random
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Sequence

from tests.fuzz import ofredis, ofresqued
from tests.fuzz.mutation import mutate
from tests.fuzz.target import Crash, Target, attempt

TARGETS = (*ofredis.TARGETS, *ofresqued.TARGETS)
#: Seconds for which a target is tried before it is the next one's turn.
_TURN = 2.0


class Run:
    """One run over some targets: what was tried, what was found."""

    def __init__(self, targets: Sequence[Target], seed: int) -> None:
        self._targets = targets
        self._chances = {target.name: random.Random(f"{seed} {target.name}") for target in targets}
        self.tried: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.crashes: dict[str, Crash] = {}

    def until(self, deadline: float) -> None:
        """Try inputs of one target after the other until then."""
        while time.monotonic() < deadline:
            for target in self._targets:
                self._turn(target, min(deadline, time.monotonic() + _TURN))

    def try_one(self, target: Target) -> Crash | None:
        """Try the next input of a target."""
        crash = attempt(target, mutate(self._chances[target.name], target.corpus))
        self.tried[target.name] += 1
        if crash is None or crash.kind in self.crashes:
            return None
        self.crashes[crash.kind] = crash
        return crash

    def _turn(self, target: Target, end: float) -> None:
        began = time.monotonic()
        while time.monotonic() < end:
            crash = self.try_one(target)
            if crash is not None:
                show(crash)
        self.seconds[target.name] += time.monotonic() - began


def show(crash: Crash) -> None:
    """Print a crash, and the command that shows it again."""
    print(f"\n=== {crash.kind}")
    print(ascii("".join(traceback.format_exception(crash.error))[-3000:]).replace("\\n", "\n"))
    print(f"{len(crash.data)} bytes: {crash.data[:300]!r}")
    text = base64.b64encode(zlib.compress(crash.data, 9)).decode()
    print(f"again: python -m tests.fuzz --target {crash.target} --input {text}", flush=True)


def main() -> int:
    """Fuzz for so long; 0: nothing was found."""
    options = _arguments()
    logging.disable()  # what is passed over is logged, millions of times
    targets = [target for target in TARGETS if options.target in (None, target.name)]
    if options.input is not None:
        crash = attempt(targets[0], zlib.decompress(base64.b64decode(options.input)))
        if crash is not None:
            show(crash)
        return crash is not None
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    run = Run(targets, options.seed)
    run.until(time.monotonic() + 60 * options.minutes)
    for target in targets:
        tried, seconds = run.tried[target.name], run.seconds[target.name]
        print(f"{tried:12,} inputs in {seconds:6.0f} s  {target.name}")
    print(f"{run.tried.total():12,} inputs, {len(run.crashes)} kinds of crash")
    return bool(run.crashes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="how long")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    parser.add_argument("--target", choices=[target.name for target in TARGETS], help="only this")
    parser.add_argument(
        "--input", metavar="BASE64", help="try one input again, as printed; needs --target"
    )
    options = parser.parse_args()
    if options.input is not None and options.target is None:
        parser.error("--input needs --target")
    return options


if __name__ == "__main__":
    sys.exit(main())
