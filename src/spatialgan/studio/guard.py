"""Who may come in: the Host and Origin of every request, HTTP and WebSocket, and the size of what it brings.

A page of another site can send requests to a studio on the same computer. Its Origin gives it away; and where it had
its own name pointed at this computer, the Host does.
"""

import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")
MAX_BODY_BYTES = 4 << 20  # a photograph or a scene; of those whose heatmaps are pixels, not all
MAX_LOCAL_BODY_BYTES = 64 << 20  # on one's own computer: any scene
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: App, *, host: str, names: Sequence[str] = (), max_body_bytes: int = MAX_BODY_BYTES):
        self.app, self.host, self.names, self.max_body_bytes = app, host, names, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = refused(headers, self.host, self.names)
        if refusal:
            await refuse(scope, receive, send, 403, refusal)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.max_body_bytes:  # whoever reads the body gets it, and answers
                raise HTTPException(
                    413,
                    f"the request is larger than {self.max_body_bytes >> 20} MB; this studio takes none that large",
                    headers={"connection": "close"},  # nothing is read of the rest
                )
            return message

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {key for key, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self.app(scope, limited, with_headers)


def refused(headers: dict[str, str], host: str, names: Sequence[str] = ()) -> str | None:
    """Why a request may not come in, in one sentence; None where it may.

    Args:
        headers: of the request, with names in lower case.
        host: where the studio listens, as the user said.
        names: other names that it answers to.
    """
    asked = headers.get("host", "")
    if not any(allowed_host(asked, name) for name in (host, *names)):
        return (
            f"this studio does not answer to the name {asked[:80]!r}; open it under the address that it printed, "
            "or start it with --allow-host and that name"
        )
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


def header(scope: Scope, name: str) -> str:
    """The values of a header, joined by commas; empty where there is none."""
    wanted = name.encode()
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == wanted)


async def refuse(
    scope: Scope, receive: Receive, send: Send, status: int, sentence: str, headers: dict[str, str] | None = None
) -> None:
    """Answer with ``{"error": sentence}`` and close the connection."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:100]})
        return
    body = json.dumps({"error": sentence}).encode()
    await send_all(send, status, body, {"content-type": "application/json", "connection": "close"} | (headers or {}))


async def send_all(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """A whole answer."""
    lines = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    if status != 204:
        lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
