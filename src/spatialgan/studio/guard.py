"""Who may come in: the Host and Origin of every request, HTTP and WebSocket, and the size of what it brings.

A page of another site can send requests to a studio on the same computer. Its Origin gives it away; and where it had
its own name pointed at this computer, the Host does.
"""

import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")
MAX_BODY_BYTES = 4 << 20  # scene files are below 1 MB
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class TooLarge(Exception):
    """A body above the limit."""


class Guard:
    """ASGI middleware."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, host: str):
        self.app, self.host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = refused(headers, self.host)
        if refusal:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[:100]})
            else:
                await _answer(send, 403, refusal)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, started = 0, False

        async def limited() -> MutableMapping[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                raise TooLarge
            return message

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {key for key, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            await self.app(scope, limited, with_headers)
        except TooLarge:
            if not started:
                await _answer(send, 413, f"the request is larger than {MAX_BODY_BYTES >> 20} MB, "
                                         "which no scene or mask needs")


def refused(headers: dict[str, str], host: str) -> str | None:
    """Why a request may not come in, in one sentence; None where it may.

    Args:
        headers: of the request, with names in lower case.
        host: where the studio listens, as the user said.
    """
    asked = headers.get("host", "")
    if not allowed_host(asked, host):
        return (f"this studio does not answer to the name {asked[:80]!r}; open it under the address that it printed, "
                "or start it with --host and that name")
    origin = headers.get("origin")
    if origin is not None and _place_of(origin) != asked.lower():
        return "another site's page may not use this studio"
    return None


def _place_of(origin: str) -> str | None:
    """Host and port of an Origin; None where it is not one."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def allowed_host(asked: str, host: str) -> bool:
    """Whether the Host header ``asked`` names a studio that listens on ``host``.

    Addresses cannot be made to point elsewhere, so where the studio listens everywhere every address will do.
    """
    try:
        name = (urlsplit(f"//{asked}").hostname or "").lower()
    except ValueError:
        return False
    if name in LOOPBACK or name == host.lower():
        return True
    if host not in EVERYWHERE:
        return False
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name == socket.gethostname().lower()


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
