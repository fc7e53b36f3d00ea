"""How much a run measures."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from benchmarks.contenders import field
from benchmarks.contenders.of_resqued import DEFAULT, IN_PROCESS, STANDBY
from benchmarks.measures.fleet import Rest
from benchmarks.measures.latency import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which contenders are measured in what, and for how long."""

    rounds: int
    seconds: float  #: of work in one round of throughput, about
    load_seconds: float
    alone: Sample
    fleet: Rest  #: commands are counted in the first round only
    crowd: Rest
    crowd_sample: Sample
    bare: tuple[str, ...]  #: the contenders: of throughput without an application
    large: tuple[str, ...]  #: ... and with one of 100 MB
    latency: tuple[str, ...]
    latency_large: tuple[str, ...]  #: ... of that of idle workers with one of 100 MB
    load: tuple[str, ...]
    twenty: tuple[str, ...]  #: ... of the measures with 20 workers
    crowded: tuple[str, ...]  #: ... and with 200


def full(rounds: int) -> Plan:
    """Return everything, for the document."""
    everyone = tuple(field.everyone().values())
    names = tuple(one.name for one in everyone)
    libraries = tuple(one.name for one in everyone if not one.is_reference)
    return Plan(
        rounds=rounds,
        seconds=2.0,
        load_seconds=3.0,
        alone=Sample(100, 20.0),
        fleet=Rest(settling=3.0, idle=60.0),
        crowd=Rest(settling=5.0, idle=60.0),
        crowd_sample=Sample(50, 45.0),
        bare=names,
        large=names,
        latency=libraries,
        latency_large=(DEFAULT, STANDBY, IN_PROCESS, "rq-worker"),
        load=libraries,
        # A worker's memory is measured, not that of the process beside it that stands by.
        twenty=tuple(name for name in libraries if name != STANDBY),
        crowded=(DEFAULT,),
    )


def quick(rounds: int) -> Plan:
    """Return what shows within two minutes whether something has become much slower."""
    return replace(
        full(rounds),
        seconds=0.7,
        alone=Sample(50, 4.0),
        fleet=Rest(settling=1.0, idle=6.0),
        crowd=Rest(settling=2.0, idle=4.0),
        crowd_sample=Sample(20, 5.0),
        large=(DEFAULT,),
        latency=(DEFAULT, IN_PROCESS, "huey"),
        latency_large=(DEFAULT,),
        load=(),
        twenty=(DEFAULT,),
    )


def only(plan: Plan, names: Collection[str]) -> Plan:
    """Return the plan for these contenders alone."""
    lists = ("bare", "large", "latency", "latency_large", "load", "twenty", "crowded")
    kept = {each: tuple(name for name in getattr(plan, each) if name in names) for each in lists}
    return replace(plan, **kept)
