"""The worker: order, fairness, latest wins, and that nothing stops it."""

import threading

import pytest

from spatialgan.studio.worker import Replaced, Stopped, Worker


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def hold(worker):
    """Keeps the worker busy until the returned event is set."""

    def block() -> threading.Event:
        started, released = threading.Event(), threading.Event()
        worker.submit("holder", lambda: (started.set(), released.wait(10)))
        assert started.wait(10)
        return released

    return block


def test_a_job_gives_its_value_from_another_thread(worker):
    future = worker.submit("a", threading.get_ident)
    assert future.result(10) != threading.get_ident()


def test_sessions_take_turns(worker, hold):
    release, order = hold(), []
    jobs = [worker.submit("busy", lambda i=i: order.append(("busy", i))) for i in range(5)]
    jobs += [worker.submit("guest", lambda i=i: order.append(("guest", i))) for i in range(2)]
    release.set()
    for job in jobs:
        job.result(10)
    assert order[:4] == [("busy", 0), ("guest", 0), ("busy", 1), ("guest", 1)]
    assert [i for who, i in order if who == "busy"] == [0, 1, 2, 3, 4]


def test_of_previews_that_wait_the_last_is_run(worker, hold):
    release, seen = hold(), []
    previews = [worker.submit("a", lambda i=i: seen.append(i), droppable=True) for i in range(5)]
    release.set()
    previews[-1].result(10)
    assert seen == [4]
    for preview in previews[:-1]:
        with pytest.raises(Replaced):
            preview.result(10)


def test_an_edit_replaces_the_preview_before_it_and_is_never_replaced(worker, hold):
    release, seen = hold(), []
    first = worker.submit("a", lambda: seen.append("edit 1"))
    preview = worker.submit("a", lambda: seen.append("preview"), droppable=True)
    second = worker.submit("a", lambda: seen.append("edit 2"))
    last = worker.submit("a", lambda: seen.append("last"), droppable=True)
    release.set()
    last.result(10)
    assert seen == ["edit 1", "edit 2", "last"]
    assert first.done() and second.done() and isinstance(preview.exception(0), Replaced)


def test_previews_of_others_stay(worker, hold):
    release, seen = hold(), []
    jobs = [worker.submit(who, lambda who=who: seen.append(who), droppable=True) for who in "abc"]
    release.set()
    for job in jobs:
        job.result(10)
    assert seen == ["a", "b", "c"]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), MemoryError()])
def test_a_job_that_fails_fails_alone(worker, error):
    def fail() -> None:
        raise error

    bad, good = worker.submit("a", fail), worker.submit("b", lambda: "fine")
    assert good.result(10) == "fine"
    assert bad.exception(10) is error


def test_closing_ends_what_waits(hold, worker):
    release = hold()
    waiting = worker.submit("a", lambda: None)
    closing = threading.Thread(target=worker.close)
    closing.start()
    with pytest.raises(Stopped):
        waiting.result(10)
    release.set()
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(Stopped):
        worker.submit("a", lambda: None).result(0)
