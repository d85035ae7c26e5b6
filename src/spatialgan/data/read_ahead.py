"""Work that is done before it is asked for, in a thread beside the caller's."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(work: Callable[[Item], Result], items: Iterable[Item], *, ahead: int) -> Generator[Result]:
    """Yield work(item) for each item in order, while one background thread works on the next `ahead` items.

    With ahead=0 each is computed when it is asked for, in the caller's thread, and nothing else differs: what `work`
    raises is raised where its result would have been yielded. Whoever leaves before the end closes the iterator
    (`contextlib.closing`), which drops what has not begun and waits for the one item at hand.
    """
    if ahead == 0:
        yield from map(work, items)
        return
    left = iter(items)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        while True:
            # One more than `ahead`: the first of them is what the caller is about to get.
            waiting.extend(pool.submit(work, item) for item in islice(left, ahead + 1 - len(waiting)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
