"""Who is there: each visitor with a session of their own, that expires."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from spatialgan.errors import SpatialGANError
from spatialgan.studio.dragging import Dragging
from spatialgan.studio.overlays import Overlay
from spatialgan.studio.session import Session

LIFETIME_S = 2 * 3600.0  # without a page that is open, and without a request
MOST_SESSIONS = 64


class NoSession(SpatialGANError):
    """It has expired, or there never was one of this name."""


class Full(SpatialGANError):
    """Too many visitors."""


class Outbox:
    """What waits to be sent to one page. A preview that waits is replaced by whatever comes next: on a slow line the
    latest wins as well."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes | str, bool]] = []
        self._filled = asyncio.Event()

    def put(self, message: bytes | str, *, droppable: bool = False) -> None:
        if self._waiting and self._waiting[-1][1] and isinstance(message, bytes):
            self._waiting.pop()
        self._waiting.append((message, droppable))
        self._filled.set()

    async def get(self) -> bytes | str:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.pop(0)[0]


@dataclass(eq=False)
class Visitor:
    id: str
    """Not to be guessed: whoever knows it may use the session."""
    session: Session
    seen: float
    overlay: Overlay = "none"
    pages: set[Outbox] = field(default_factory=set)
    drag: Dragging | None = None
    drag_task: asyncio.Task | None = None

    def send(self, message: bytes | str, *, droppable: bool = False) -> None:
        """To every page that shows the session."""
        for page in self.pages:
            page.put(message, droppable=droppable)


class Sessions:
    """Visitors by id. Belongs to the event loop."""

    def __init__(self, make_session: Callable[[], Session], *, lifetime_s: float = LIFETIME_S,
                 most: int = MOST_SESSIONS, clock: Callable[[], float] = time.monotonic):
        self._make, self._lifetime_s, self._most, self._clock = make_session, lifetime_s, most, clock
        self._visitors: dict[str, Visitor] = {}

    def __len__(self) -> int:
        return len(self._visitors)

    def enter(self) -> Visitor:
        """A new visitor; raises Full where nobody can make room."""
        self.expire()
        if len(self._visitors) >= self._most:
            idle = [v for v in self._visitors.values() if not v.pages and v.drag_task is None]
            if not idle:
                raise Full(f"the studio has {self._most} visitors, which is all it takes; try again later")
            self.leave(min(idle, key=lambda v: v.seen).id)
        visitor = Visitor(secrets.token_urlsafe(16), self._make(), self._clock())
        self._visitors[visitor.id] = visitor
        return visitor

    def get(self, id: str) -> Visitor:
        """A visitor who is still there; raises NoSession."""
        if id not in self._visitors:
            raise NoSession("this session has ended; reload the page to begin a new one")
        visitor = self._visitors[id]
        visitor.seen = self._clock()
        return visitor

    def leave(self, id: str) -> None:
        """End a session, and the drag in it."""
        visitor = self._visitors.pop(id, None)
        if visitor is not None and visitor.drag_task is not None:
            visitor.drag_task.cancel()

    def expire(self) -> None:
        """End the sessions that nobody has used for their lifetime."""
        now = self._clock()
        for visitor in list(self._visitors.values()):
            if visitor.pages:
                visitor.seen = now
            elif now - visitor.seen > self._lifetime_s:
                self.leave(visitor.id)
