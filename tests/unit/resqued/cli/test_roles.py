import pytest

from resqued.cli.roles import Part, parts

MASTER, LISTENER, WORKER, JOB = 1, 10, 20, 30


def part(title: str, parent: int) -> Part:
    """Return what the last process is of a tree with one of each kind."""
    tree = [(LISTENER, MASTER), (WORKER, LISTENER), (JOB, WORKER), (99, parent)]
    titles = {
        LISTENER: "resqued-0.1.0 listener #3 1/1/1 [running] pool.py",
        WORKER: "resque-0.1.0: Forked 30 at 1795460069",
        JOB: "resque-0.1.0: Processing mail since 1795460069 [Send]",
        99: title,
    }
    found = dict(parts(MASTER, tree, titles))
    assert [found[pid].role for pid in (LISTENER, WORKER, JOB)] == ["listener", "worker", "job"]
    return found[99]


@pytest.mark.parametrize(
    ("title", "parent", "role", "name"),
    [
        ("resqued-0.1.0 listener #12 1/1/1 [running] a.py", MASTER, "listener", "listener #12"),
        ("resque-0.1.0: Waiting for a,b", LISTENER, "worker", "worker 99: Waiting for a,b"),
        ("resque-0.1.0: Waiting for a", MASTER, "worker", "worker 99: Waiting for a"),
        ("rq:worker:8f3", LISTENER, "worker", "worker 99: rq:worker:8f3"),
        ("resque-0.1.0: Processing a", WORKER, "job", "job 99: Processing a"),
        ("ffmpeg -i a.wav", JOB, "job", "job 99: ffmpeg -i a.wav"),
        ("resqued-0.1.0 canary", LISTENER, "canary", "canary 99: resqued-0.1.0 canary"),
        ("resqued-0.1.0 recovery", MASTER, "recovery", "recovery 99: resqued-0.1.0 recovery"),
        ("resqued-0.1.0 health a:1", MASTER, "health", "health 99: resqued-0.1.0 health a:1"),
        ("sleep 1000", MASTER, "other", "other 99: sleep 1000"),
        ("", MASTER, "other", "other 99: "),
    ],
)
def test_what_a_process_is(title: str, parent: int, role: str, name: str):
    """Its title says it, or else its parent's part does."""
    assert part(title, parent) == Part(role, name)


def test_a_worker_that_wears_its_listeners_title_still():
    """It was forked just now."""
    assert part("resqued-0.1.0 listener #3 0/1/1 [running] a.py", LISTENER).role == "worker"


def test_a_title_is_one_short_line():
    """What others have put into it moves no cursor."""
    name = part("resque-0.1.0: \x1b[2J\n" + "x" * 200, LISTENER).name

    assert name.startswith(r"worker 99: \x1b[2J\nxxx")
    assert len(name) < 75
