import threading
from dataclasses import replace

import pytest

from resqued.backlog.model import FailedJob, QueueDepth
from resqued.errors import ResquedError
from resqued.top import notice
from tests.support.pool_status import MASTER, generation, pool, pool_of, worker
from tests.support.top import BACKLOG, Driven, ToldMaster, ToldReader, drive, top
from tests.support.waiting import PATIENCE

#: What an application, or whoever writes to the server, may have named something.
HOSTILE = "\x1b[31m[red]x[/red][/]\x9b2J\n\u202e" + "y" * 10_000


def failed(number: int) -> FailedJob:
    """Return a failure."""
    return FailedJob(
        failed_at="2026/11/24 20:01:29 UTC",
        queue="mail",
        job=f"Job{number}",
        exception="ValueError",
        error="no address",
    )


def five_workers() -> ToldMaster:
    """Return the master of a pool that has so many, the last of them with pid 4264."""
    master = ToldMaster()
    master.status = pool_of(*(worker(slot) for slot in range(5)))
    return master


def test_what_is_shown():
    """The master, its workers, what waits and what has failed."""
    master, reader = ToldMaster(), ToldReader()
    master.status = pool_of(worker(state="busy", job="Send", job_age=1.0), worker(1))
    reader.backlog = replace(
        BACKLOG,
        queues=(QueueDepth(name="mail", depth=12, head_age=3.0),),
        failed=1,
        failures=(failed(1),),
    )

    async def steps(view: Driven) -> None:
        await view.wait_for("4260 mail      busy 1.0s Send", "Job1")
        assert view.lines[0] == "resqued 0.1.0 (pid 4242): working, pool.py in /srv/myapp"
        assert "12    >3.0s" in view.text
        await view.wait_for("p Pause/resume  r Reload  R Restart  s Stacks  ? Help  q Quit")
        await view.press("q")

    assert drive(top(master, reader), steps) == 0
    assert reader.is_closed


@pytest.mark.parametrize(
    ("keys", "question", "orders"),
    [
        (["p", "y"], "Pause the pool? The worker leaves", [("pause", {})]),
        (["p", "n"], "Pause the pool?", []),
        (["p", "escape"], "Pause the pool?", []),
        (["p", "x"], "Pause the pool?", []),
        (["r", "y"], "Reload?", [("reload", {})]),
        (["r", "n"], "Reload?", []),
        (["R", "y"], "Restart worker 4260?", [("restart", {"worker": 4260})]),
        (["R", "n"], "Restart worker 4260?", []),
    ],
)
def test_what_takes_workers_from_their_work_is_asked_first(
    keys: list[str], question: str, orders: list[object]
):
    """Only y is yes."""
    master = ToldMaster()

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press(keys[0])
        await view.wait_for(question)
        await view.press(keys[1])
        await view.wait_until(lambda: master.orders == orders, "the order")

    drive(top(master), steps)
    assert master.orders == orders


def test_a_paused_pool_is_resumed():
    """By the key that has paused it, and without a question."""
    master = ToldMaster({"was": "paused", "workers": 0})
    master.status = pool(master=replace(MASTER, mode="paused"))

    async def steps(view: Driven) -> None:
        await view.wait_for("paused")
        await view.press("p")
        await view.wait_for("The pool resumes: a new generation loads")

    drive(top(master), steps)
    assert master.orders == [("resume", {})]


def test_an_order_that_is_refused():
    """The master's words are shown, and nothing in them does anything to the screen."""
    master = ToldMaster()

    def refuse(verb: str, /, **fields: object) -> dict[str, object]:
        if verb == "restart":
            raise ResquedError(f"no: {HOSTILE[:40]}")
        return ToldMaster.ask(master, verb, **fields)

    master.ask = refuse  # type: ignore[method-assign]

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press("R", "y")
        await view.wait_for(r"no: \x1b[31m[red]x[/red][/]\x9b2J\n\u202e")

    drive(top(master), steps)


def test_there_is_no_worker_to_restart():
    """It is said, and nothing is asked for."""
    master = ToldMaster()
    master.status = pool(generation(state="booting"))

    async def steps(view: Driven) -> None:
        await view.wait_for("Generation 1: booting")
        await view.press("R")
        await view.wait_for("No worker is selected")

    drive(top(master), steps)
    assert master.orders == []


def test_the_selected_worker_stays_selected():
    """Also when workers above it come and go, and when it is another process."""
    master = five_workers()

    async def steps(view: Driven) -> None:
        await view.wait_for("4264")
        await view.press("down", "down")
        new = generation(*(worker(slot, pid=5000 + slot) for slot in range(5)))
        old = generation(worker(9, pid=1111), number=0, state="superseded")
        master.status = pool(old, new)
        await view.wait_for("1111", "5004")
        await view.press("R")
        await view.wait_for("Restart worker 5002?")

    drive(top(master), steps)


def test_failures_as_they_come():
    """The newest is seen, unless one is selected, which then stays so wherever it moves to."""
    reader = ToldReader()

    def fail(*numbers: int) -> None:
        failures = tuple(failed(number) for number in numbers)
        reader.backlog = replace(BACKLOG, failed=numbers[0], failures=failures)

    async def steps(view: Driven) -> None:
        fail(*range(20, 0, -1))
        await view.press("tab", "tab")
        await view.wait_for("Job20")
        fail(*range(40, 20, -1))
        await view.wait_for("Job40")
        await view.press("down")
        fail(*range(55, 35, -1))
        await view.wait_for("Job39")
        assert "Job55" not in view.text
        await view.press("enter")
        await view.wait_for("Job        Job39")
        await view.press("escape", "home")
        fail(*range(60, 40, -1))
        await view.wait_for("Job60")

    drive(top(ToldMaster(), reader), steps)


def test_the_mouse():
    """Its wheel and its button select a line."""
    master = five_workers()

    async def steps(view: Driven) -> None:
        await view.wait_for("4264")
        await view.click(10, view.lines.index(view.line(" 4263 ")))
        await view.press("R")
        await view.wait_for("Restart worker 4263?")
        await view.press("n")
        await view.scroll_down(10, 4)
        await view.press("R")
        await view.wait_for("Restart worker 4264?")
        await view.press("n")
        await view.click(10, 1)
        await view.press("R")
        await view.wait_for("Restart worker 4264?")

    drive(top(master), steps)


def test_the_selected_worker_is_gone():
    """What stands in its place is selected then."""
    master = five_workers()

    async def steps(view: Driven) -> None:
        await view.wait_for("4264")
        await view.press("end")
        master.status = pool_of(worker(0), worker(1))
        await view.wait_until(lambda: "4264" not in view.text, "its end")
        await view.press("R")
        await view.wait_for("Restart worker 4261?")

    drive(top(master), steps)


def test_two_hundred_workers():
    """Those for which there is room are shown, and all can be reached."""
    master = ToldMaster()
    master.status = pool_of(*(worker(slot, pid=10_000 + slot) for slot in range(200)))

    async def steps(view: Driven) -> None:
        await view.wait_for("10000", "200 workers")
        assert "10199" not in view.text
        await view.press("end")
        await view.wait_for("10199")
        await view.press(*["up"] * 20)
        await view.wait_for("10179")
        assert "10199" not in view.text
        await view.press("home")
        await view.wait_for("Generation 1: owner", "10000")
        await view.press("pagedown", "j", "k", "pageup")
        await view.wait_for("10000")

    drive(top(master), steps)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60), (20, 5), (5, 2)])
def test_any_size(size: tuple[int, int]):
    """What there is no room for is left out, whatever is looked at."""
    master, reader = ToldMaster(), ToldReader()
    master.status = pool_of(*(worker(slot) for slot in range(9)))
    reader.backlog = replace(BACKLOG, failed=1, failures=(failed(1),))

    async def steps(view: Driven) -> None:
        for keys in (["tab"], ["tab"], ["tab"], ["question_mark"], ["q"], ["r"], ["n"], ["enter"]):
            await view.press(*keys)
            assert all(len(line) <= size[0] for line in view.lines)

    drive(top(master, reader), steps, size)


def test_a_small_terminal_shows_one_list_at_a_time():
    """Tab goes on to the next one, and all come back when there is room."""
    master, reader = ToldMaster(), ToldReader()
    reader.backlog = replace(
        BACKLOG,
        queues=(QueueDepth(name="mail", depth=12, head_age=3.0),),
        failed=1,
        failures=(failed(1),),
    )

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        assert "jobs wait" not in view.text
        assert "Job1" not in view.text
        await view.press("tab")
        await view.wait_for("12 jobs wait")
        assert "4260" not in view.text
        await view.press("tab")
        await view.wait_for("Job1")
        assert "12 jobs wait" not in view.text
        await view.press("shift+tab")
        await view.wait_for("12 jobs wait")
        await view.resize(80, 24)
        await view.wait_for("4260", "12 jobs wait", "Job1")

    drive(top(master, reader), steps, (40, 10))


def test_the_server_goes_and_comes_back():
    """Queues and failures say that they are old, and why; the pool goes on."""
    master, reader = ToldMaster(), ToldReader()

    async def steps(view: Driven) -> None:
        await view.wait_for("0 jobs wait at redis://127")
        reader.backlog = None
        await view.wait_for("No news of the server for", "connection refused")
        await view.wait_for("Queues: no news for", "Failures: no news for")
        master.status = pool_of(worker(pid=7777))
        await view.wait_for("7777")
        reader.backlog = replace(BACKLOG, queues=(QueueDepth(name="m", depth=5, head_age=0.0),))
        await view.wait_for("5 jobs wait")
        assert "No news" not in view.text

    drive(top(master, reader), steps)


def test_the_master_goes_and_comes_back():
    """What was known stays, with its age; the server is asked all the same."""
    master, reader = ToldMaster(), ToldReader()

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        master.status = None
        await view.wait_for("No news of the pool for", "connection refused", "4260")
        reader.backlog = replace(BACKLOG, queues=(QueueDepth(name="m", depth=5, head_age=0.0),))
        await view.wait_for("5 jobs wait")
        master.status = pool_of(worker(pid=7777))
        await view.wait_for("7777")
        assert "No news" not in view.text

    drive(top(master, reader), steps)


def test_hostile_names():
    """No escape reaches the screen, and no bracket is taken for markup."""
    master, reader = ToldMaster(), ToldReader()
    master.status = pool(
        generation(
            worker(queues=(HOSTILE,), state="busy", job=HOSTILE, job_age=1.0),
            worker(1, restarts=1, last_end=HOSTILE),
            app_version=HOSTILE,
        ),
        master=replace(MASTER, paths=(HOSTILE,), folder=HOSTILE),
    )
    reader.backlog = replace(
        BACKLOG,
        namespace=HOSTILE,
        queues=(QueueDepth(name=HOSTILE, depth=1, head_age=1.0),),
        failed=1,
        failures=(replace(failed(1), job=HOSTILE),),
    )

    async def steps(view: Driven) -> None:
        await view.wait_for("4260", r"\x1b[31m[red]")
        for tabs in range(3):
            await view.press(*["tab"] * bool(tabs), "enter")
            await view.wait_for(r"\x1b[31m[red]x[/red]")
            assert all(line.isprintable() for line in view.lines)
            await view.press("escape")
        assert all(line.isprintable() for line in view.lines)

    drive(top(master, reader), steps)


def test_all_about_a_line():
    """Enter shows what the list has no room for."""
    master = ToldMaster()
    master.status = pool_of(worker(queues=("a" * 100,), last_end="SIGKILL (signal 9)", restarts=4))

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press("enter")
        await view.wait_for("Worker 4260 in place 0 of generation 1", "SIGKILL (signal 9)")
        await view.press("escape")
        await view.wait_for("q Quit")

    drive(top(master), steps)


def test_help():
    """Names the keys, and explains the columns."""

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press("question_mark")
        await view.wait_for("restart the selected worker", "the stacks of", "PRIVATE")

    drive(top(ToldMaster()), steps)


def test_stacks():
    """Of the selected worker, on a page; with nothing in them that moves the cursor."""
    asked = []

    def stacks(pid: int) -> str:
        asked.append(pid)
        return 'Thread 1:\n  File "a.py", line 3 in [red]work\x1b[2J'

    async def steps(view: Driven) -> None:
        await view.wait_for("4260", "s Stacks")
        await view.press("s")
        await view.wait_for("Thread 1:", r"in [red]work\x1b[2J")

    drive(top(ToldMaster(), stacks=stacks), steps)
    assert asked == [4260]


def test_stacks_that_cannot_be_told():
    """The reason is shown instead."""

    def stacks(_pid: int) -> str:
        raise ResquedError("it has ended")

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press("s")
        await view.wait_for("it has ended")

    drive(top(ToldMaster(), stacks=stacks), steps)


def test_keys_are_taken_while_the_master_hangs():
    """Whatever takes its time takes it in a thread."""
    master = ToldMaster()
    may_answer = threading.Event()

    def hang(verb: str, /, **fields: object) -> dict[str, object]:
        if verb == "status":
            may_answer.wait(PATIENCE)
        return ToldMaster.ask(master, verb, **fields)

    master.ask = hang  # type: ignore[method-assign]

    async def steps(view: Driven) -> None:
        await view.wait_for("Asking the pool", "0 jobs wait")
        await view.press("question_mark")
        await view.wait_for("quit; the pool goes on")
        await view.press("escape")
        may_answer.set()
        await view.wait_for("4260")

    drive(top(master), steps)


def test_an_order_without_a_master(monkeypatch: pytest.MonkeyPatch):
    """That it has failed is told until the master is back, however soon that is."""
    monkeypatch.setattr(notice, "_SHOWN_FOR", 1000.0)
    master = ToldMaster()

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        status, master.status = master.status, None
        await view.wait_for("No news of the pool")
        await view.press("r", "y")
        await view.wait_until(lambda: view.text.count("no resqued runs") == 2, "the notice")
        master.status = status
        await view.wait_until(lambda: "no resqued runs" not in view.text, "its end")

    drive(top(master), steps)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_leaving(key: str):
    """By either key, with success."""

    async def steps(view: Driven) -> None:
        await view.wait_for("4260")
        await view.press(key)

    assert drive(top(ToldMaster()), steps) == 0
