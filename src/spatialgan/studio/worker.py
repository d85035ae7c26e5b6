"""One thread that runs the models, and its queue: fair to all sessions, the latest wins."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from spatialgan.errors import SpatialGANError

log = logging.getLogger(__name__)


class Replaced(Exception):
    """A later job of the same session made this one pointless; it was not run."""


class Stopped(Exception):
    """The worker has been closed."""


@dataclass(frozen=True)
class _Job:
    run: Callable[[], Any]
    future: Future
    droppable: bool


class Worker:
    """Runs jobs one after the other. Sessions take turns; within a session jobs keep their order.

    Models are not made for several threads, and a processor is no faster for them. That all scenes are touched by this
    one thread also means that they need no locks.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[_Job]] = OrderedDict()  # sessions in the order of their turns
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="spatialgan-model", daemon=True)
        self._thread.start()

    def submit(self, session: Hashable, run: Callable[[], Any], *, droppable: bool = False) -> Future:
        """Queue a job.

        Args:
            session: whose turn it takes.
            run: the job; its value or its exception becomes the future's.
            droppable: a preview: any later job of the session replaces it while it waits, and its future raises
                :class:`Replaced`. Of positions that arrive while a picture is being drawn only the last is drawn.
        """
        job = _Job(run, Future(), droppable)
        with self._changed:
            if self._closed:
                job.future.set_exception(Stopped("the studio is closing"))
                return job.future
            queue = self._waiting.setdefault(session, deque())
            replaced = queue.pop() if queue and queue[-1].droppable else None
            queue.append(job)
            self._changed.notify()
        if replaced is not None and replaced.future.set_running_or_notify_cancel():
            replaced.future.set_exception(Replaced())
        return job.future

    @property
    def alive(self) -> bool:
        """Whether it takes jobs."""
        return self._thread.is_alive() and not self._closed

    def close(self) -> None:
        """End the thread after the job at hand; jobs that wait raise :class:`Stopped`."""
        with self._changed:
            self._closed = True
            left = [job for queue in self._waiting.values() for job in queue]
            self._waiting.clear()
            self._changed.notify()
        for job in left:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(Stopped("the studio is closing"))
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                value = job.run()
            except BaseException as e:  # it belongs to whoever asked; the thread goes on for everybody else
                if not isinstance(e, SpatialGANError | Replaced):
                    log.debug("a job failed", exc_info=True)
                job.future.set_exception(e)
            else:
                job.future.set_result(value)
            del job  # or its scenes would live until the next one

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            session, queue = self._waiting.popitem(last=False)
            job = queue.popleft()
            if queue:
                self._waiting[session] = queue  # behind the others
            return job
