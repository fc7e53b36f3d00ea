import json

from resqued.cli import footprint
from resqued.cli.footprint import Footprint, Measured
from resqued.process.memory import Memory

MB = 2**20


def measured(role: str, name: str, pss: float, private: float, shared: float) -> Measured:
    """Return a process with so many MB."""
    sizes = {"pss": pss, "private": private, "shared": shared, "rss": private + shared}
    memory = Memory(**{key: int(size * MB) for key, size in sizes.items()})
    return Measured(role=role, name=name, pid=7, memory=memory)


POOL = Footprint(
    [
        measured("master", "master", 9, 8.5, 4),
        measured("listener", "listener #2", 20, 4, 60),
        measured("worker", "worker 1: a", 14, 3, 60),
        measured("worker", "worker 2: a,b", 14, 3.25, 60),
        measured("worker", "worker 3: c", 34, 23, 60),
        measured("job", "job 12: Processing a", 15, 3, 60),
    ]
)


def test_the_table():
    """A line for each process, the sum and the median of the workers, and what they save."""
    assert footprint.as_text(POOL) == (
        "MB                     PSS  owned  shared\n"
        "master                 9.0    8.5     4.0\n"
        "listener #2           20.0    4.0    60.0\n"
        "worker 1: a           14.0    3.0    60.0\n"
        "worker 2: a,b         14.0    3.2    60.0\n"
        "worker 3: c           34.0   23.0    60.0\n"
        "job 12: Processing a  15.0    3.0    60.0\n"
        "all 3 workers         62.0   29.2   180.0\n"
        "median worker         14.0    3.2    60.0\n"
        "If they shared nothing, the workers would own 209.2 MB; with their listener they take"
        " 82.0 MB (PSS): sharing saves 127.2 MB."
    )


def test_a_single_worker():
    """Its own line is sum and median; the listener that it shares with may cost more."""
    lone = Footprint([measured("listener", "listener", 9, 6, 7), measured("worker", "w", 5, 3, 7)])

    assert footprint.as_text(lone).splitlines()[2:] == [
        "w         5.0    3.0     7.0",
        (
            "If they shared nothing, the workers would own 10.0 MB; with their listener they take"
            " 14.0 MB (PSS): sharing saves nothing, with so few workers."
        ),
    ]


def test_no_worker():
    """Then there is nothing to sum up."""
    empty = Footprint([measured("listener", "listener", 9, 6, 7)])

    assert len(footprint.as_text(empty).splitlines()) == 2
    assert json.loads(footprint.as_json(empty))["workers"]["median"] is None


def test_as_json():
    """The same in bytes."""
    content = json.loads(footprint.as_json(POOL))

    assert content["processes"][2] == {
        "role": "worker",
        "name": "worker 1: a",
        "pid": 7,
        "pss": 14 * MB,
        "owned": 3 * MB,
        "shared": 60 * MB,
        "rss": 63 * MB,
    }
    assert [each["role"] for each in content["processes"]] == [
        *("master", "listener", "worker", "worker", "worker", "job"),
    ]
    assert content["workers"]["count"] == 3
    assert content["workers"]["sum"]["pss"] == 62 * MB
    assert content["workers"]["median"]["owned"] == 3.25 * MB
    assert content["workers"]["unshared"] == 209.25 * MB
    assert content["workers"]["taken_with_listeners"] == 82 * MB
