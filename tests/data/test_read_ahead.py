import subprocess
import sys
import threading
from contextlib import closing

import pytest

from spatialgan.data.read_ahead import read_ahead
from spatialgan.errors import SpatialGANError


@pytest.mark.parametrize("ahead", [0, 1, 2, 100])
def test_the_order_is_that_of_the_items(ahead: int):
    assert list(read_ahead(lambda i: i * i, range(20), ahead=ahead)) == [i * i for i in range(20)]
    assert list(read_ahead(lambda i: i, [], ahead=ahead)) == []


def test_so_many_are_read_ahead_and_no_more():
    begun = [threading.Event() for _ in range(10)]
    with closing(read_ahead(lambda i: begun[i].set(), range(10), ahead=2)) as results:
        next(results)
        assert begun[2].wait(10)  # without being asked for
        assert not begun[3].wait(0.1)
        next(results)
        assert begun[3].wait(10)


def test_without_reading_ahead_all_is_done_by_the_caller_when_it_asks():
    seen = []
    results = read_ahead(lambda i: seen.append((i, threading.current_thread())), range(3), ahead=0)
    next(results)
    assert seen == [(0, threading.current_thread())]


@pytest.mark.parametrize("ahead", [0, 3])
def test_an_error_comes_where_its_result_would_have(ahead: int):
    def work(i: int) -> int:
        if i == 2:
            raise SpatialGANError(f"{i}.png: is damaged")
        return i

    with closing(read_ahead(work, range(10), ahead=ahead)) as results:
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(SpatialGANError, match=r"2\.png: is damaged"):
            next(results)
    assert not reading()


def test_who_leaves_early_waits_for_the_one_at_hand_and_no_other():
    begun, go, done = threading.Event(), threading.Event(), []

    def work(i: int) -> None:
        if i == 1:
            begun.set()
            go.wait(10)
        done.append(i)

    with closing(read_ahead(work, range(10), ahead=5)) as results:
        next(results)
        begun.wait(10)
        threading.Timer(0.05, go.set).start()
    assert done == [0, 1]
    assert not reading()


def test_a_process_that_fails_between_two_results_ends():
    """Also where nothing has closed the iterator."""
    code = (
        "from spatialgan.data.read_ahead import read_ahead\n"
        "results = read_ahead(lambda i: i, range(1000000), ahead=4)\n"
        "next(results)\n"
        "raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 7


def reading() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]
