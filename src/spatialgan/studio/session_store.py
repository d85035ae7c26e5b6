"""Who is there: each visitor with a session of their own, that expires."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from spatialgan.errors import SpatialGANError
from spatialgan.studio.dragging import Dragging
from spatialgan.studio.fitting import Fitting
from spatialgan.studio.overlays import Overlay
from spatialgan.studio.session import Session

LIFETIME_S = 2 * 3600.0  # without a page that is open, and without a request
MOST_SESSIONS = 64
MOST_SESSIONS_OF_ONE = 32  # address, of a studio that others can reach
ENDED = 256  # sessions whose end is remembered, to say why


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
    owner: str = ""
    """Whoever began it: an address, of a studio that others can reach."""
    overlay: Overlay = "none"
    pages: set[Outbox] = field(default_factory=set)
    drag: Dragging | None = None
    fit: Fitting | None = None
    work_task: asyncio.Task | None = None
    """That goes on with the drag or the fit that is under way."""
    latest_preview: object | None = None
    """Another one for each preview that is asked for."""

    def send(self, message: bytes | str, *, droppable: bool = False) -> None:
        """To every page that shows the session."""
        for page in self.pages:
            page.put(message, droppable=droppable)


class Sessions:
    """Visitors by id. Belongs to the event loop."""

    def __init__(
        self,
        make_session: Callable[[], Session],
        *,
        lifetime_s: float = LIFETIME_S,
        most: int = MOST_SESSIONS,
        most_of_one: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._make, self.lifetime_s, self._clock = make_session, lifetime_s, clock
        self._most, self._most_of_one = most, most_of_one or most
        self._visitors: dict[str, Visitor] = {}
        self._ended: dict[str, str] = {}  # why, by id, oldest first

    def __len__(self) -> int:
        return len(self._visitors)

    def enter(self, owner: str = "") -> Visitor:
        """A new visitor; raises Full where nobody can make room."""
        self.expire()
        own = [v for v in self._visitors.values() if v.owner == owner]
        if len(own) >= self._most_of_one:
            self._make_room(
                own, f"you have {len(own)} sessions open here, which is all that one visitor gets; end one first"
            )
        elif len(self._visitors) >= self._most:
            self._make_room(
                list(self._visitors.values()),
                f"the studio has {self._most} visitors, which is all it takes; try again later",
            )
        visitor = Visitor(secrets.token_urlsafe(16), self._make(), self._clock(), owner)
        self._visitors[visitor.id] = visitor
        return visitor

    def _make_room(self, among: list[Visitor], otherwise: str) -> None:
        idle = [v for v in among if not v.pages and v.work_task is None]
        if not idle:
            raise Full(otherwise)
        self.leave(min(idle, key=lambda v: v.seen).id, "it was idle, and another one needed the room")

    def get(self, id: str) -> Visitor:
        """A visitor who is still there; raises NoSession."""
        self._expire(id)
        if id not in self._visitors:
            why = f" ({self._ended[id]})" if id in self._ended else ""
            raise NoSession(f"this session has ended{why}; reload the page to begin a new one")
        visitor = self._visitors[id]
        visitor.seen = self._clock()
        return visitor

    def end_of(self, visitor: Visitor) -> datetime:
        """When a session ends, if nobody uses it until then."""
        return datetime.now(UTC) + timedelta(seconds=self.lifetime_s - (self._clock() - visitor.seen))

    def leave(self, id: str, why: str = "it was asked to") -> None:
        """End a session, and what is under way in it."""
        visitor = self._visitors.pop(id, None)
        if visitor is None:
            return
        self._ended[id] = why
        if len(self._ended) > ENDED:
            del self._ended[next(iter(self._ended))]
        if visitor.work_task is not None:
            visitor.work_task.cancel()

    def expire(self) -> None:
        """End the sessions that nobody has used for their lifetime."""
        for id in list(self._visitors):
            self._expire(id)

    def _expire(self, id: str) -> None:
        visitor, now = self._visitors.get(id), self._clock()
        if visitor is None:
            return
        if visitor.pages or visitor.work_task is not None:
            visitor.seen = now
        elif now - visitor.seen > self.lifetime_s:
            self.leave(id, f"nobody used it for {self.lifetime_s / 60:g} minutes")
