"""USR2 and CONT: a worker that takes no jobs for a while."""

import signal

import pytest


def test_a_paused_worker_takes_no_job_until_cont(start_worker, held_job, application, store):
    """The job stays in its queue; the title says why."""
    worker = start_worker("q", interval=0.02)
    worker.wait_until_idle()
    worker.signal(signal.SIGUSR2)
    worker.wait_for_title("Paused")
    application.enqueue_to("q", "Held")
    worker.signal(signal.SIGHUP)  # wakes it, and asks nothing
    worker.wait_for_title("Paused")
    assert store.size("q") == 1

    worker.signal(signal.SIGCONT)

    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()
    assert store.stats() == (1, 0)


def test_a_pause_lets_the_job_in_hand_finish(start_worker, held_job, application, store):
    """Only the next one waits."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0.02)
    held_job.has_begun.wait()
    worker.signal(signal.SIGUSR2)
    held_job.may_go_on.open()
    worker.wait_for_title("Paused")
    assert (store.size("q"), store.stats()) == (1, (1, 0))


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_a_paused_worker_can_be_told_to_leave(start_worker, store, number):
    """At once, and it unregisters."""
    worker = start_worker("q")
    worker.wait_until_idle()
    worker.signal(signal.SIGUSR2)
    worker.wait_for_title("Paused")
    worker.signal(number)
    assert worker.wait() == 0
    assert store.traces(worker) == []


def test_heartbeats_go_on_in_a_pause(start_worker, store):
    """Nobody takes it for dead."""
    worker = start_worker("q", heartbeat_interval=0.05)
    worker.wait_until_idle()
    worker.signal(signal.SIGUSR2)
    worker.wait_for_title("Paused")
    store.call("HSET", store.keys.heartbeats, worker.id, "overwritten")
    worker.wait_until(
        lambda: store.call("HGET", store.keys.heartbeats, worker.id) != b"overwritten",
        "another heartbeat",
    )


def test_the_pause_key_pauses_a_worker_of_patterns(start_worker, held_job, application, store):
    """Those whose queues are only known from the server, too."""
    store.call("SET", store.keys.pause, "true")
    application.enqueue_to("q", "Held")
    worker = start_worker("*", interval=0.02)
    worker.wait_for_title("Paused")
    assert store.size("q") == 1
    store.call("SET", store.keys.pause, "yes")
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()
