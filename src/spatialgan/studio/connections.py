"""Connections: how many there may be, and for how long one may wait without saying or taking anything.

A request that never ends costs a file descriptor, and one who sends many of them would keep all others out. So a
request has a deadline, and where there is no room left, the connection that has been waiting for longest makes room.
"""

import asyncio
import json
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 512
FEWEST_CONNECTIONS = 16
OWN_DESCRIPTORS = 96  # models, pictures being written, and what is accepted in one go before anything is closed
BACKLOG = 32  # connections accepted in one go
HEADER_S = 10.0  # for a request's headers, from the connection or from their first byte
BODY_S = 30.0  # for the rest of a request
SEND_S = 30.0  # that an answer may be stuck for
WANTED_DESCRIPTORS = 4096
_FULL = json.dumps({"error": "the studio has no room for another connection; try again later"}).encode()
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\nretry-after: 5\r\n"
    b"content-length: " + str(len(_FULL)).encode() + b"\r\n\r\n" + _FULL
)


def connection_limit() -> int:
    """How many connections this process can have; lets it open more files first, where the system allows that."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < WANTED_DESCRIPTORS:
        wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # macOS has a limit of its own
            pass
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(FEWEST_CONNECTIONS, soft - OWN_DESCRIPTORS))


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol with deadlines, and with a limit on connections of all kinds together."""

    def __init__(self, *args: Any, most: int = MOST_CONNECTIONS, **rest: Any) -> None:
        """``most`` connections at once; the other arguments are uvicorn's."""
        super().__init__(*args, **rest)
        self.most = most
        self._deadline: asyncio.TimerHandle | None = None
        self._waits_for = ""  # "header", "body" or, while the request is whole, nothing
        self.waiting_since = 0.0
        self._stuck: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------- room

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            transport.write(FULL)
            transport.close()
            return
        self._wait_for("header")

    def _make_room(self) -> bool:
        """End the connection that has been waiting for longest for a request, or for the rest of one."""
        others = [c for c in self.connections if isinstance(c, BoundedProtocol) and c is not self]
        others = [c for c in others if not c.transport.is_closing()]
        waiting = [c for c in others if c._waits_for]
        if not waiting:
            return False
        min(waiting, key=lambda c: c.waiting_since).transport.abort()
        return True

    # ------------------------------------------------------------- deadlines

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._see()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._see()

    def _see(self) -> None:
        """What the connection waits for now."""
        if self.transport.is_closing() or self not in self.connections:  # or it is a WebSocket by now
            self._wait_for("")
        elif self.conn.their_state is h11.SEND_BODY:
            self._wait_for("body")
        elif self.conn.their_state is h11.IDLE:
            self._wait_for("header")
        else:
            self._wait_for("")

    def _wait_for(self, what: str) -> None:
        if what == self._waits_for:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._waits_for = what
        if what:
            self.waiting_since = time.monotonic()
            self._deadline = self.loop.call_later(HEADER_S if what == "header" else BODY_S, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(SEND_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unstick()

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wait_for("")
        self._unstick()
