"""The token: asked for on a page of its own, sent by scripts as ``Authorization: Bearer``, and kept in a cookie."""

import hashlib
import hmac
import json

from starlette.requests import cookie_parser

from spatialgan.studio.guard import App, Receive, Scope, Send, header, refuse, send_all
from spatialgan.studio.visits import Rate, TooMany, visitor_name

OPEN = ("/healthz", "/icon.svg", "/css/login.css", "/js/login.js")  # without a token
PAGES = ("/", "/index.html", "/docs")  # where people are led to log in; all else answers programs
TRIES_A_MINUTE = 10  # of one visitor, at wrong tokens
COOKIE_AGE_S = 30 * 24 * 3600
MAX_BODY_BYTES = 4096
UNKNOWN = (
    "this studio asks for its token: open its page to log in, or send the header Authorization: Bearer with the token"
)


class Login:
    """ASGI middleware: lets nobody in who does not know the token, but to the page that asks for it."""

    def __init__(self, app: App, *, token: str, page: bytes):
        """``page`` is the HTML that asks for the token."""
        self.app, self.token, self.page = app, token, page
        proof = hmac.new(token.encode(), b"spatialgan studio cookie 1", hashlib.sha256).hexdigest()
        # The name tells studios on one host apart: browsers do not tell cookies by port.
        self.cookie, self.proof = f"spatialgan-{proof[:8]}", proof[8:]
        self.tries = Rate(TRIES_A_MINUTE / 60, TRIES_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if path == "/login" and scope["type"] == "http":
            if scope["method"] == "POST":
                await self._log_in(scope, receive, send)
            else:
                await send_all(send, 200, self.page, {"content-type": "text/html; charset=utf-8"})
            return
        try:
            known = path in OPEN or self._knows(scope)
        except TooMany as e:
            await refuse(scope, receive, send, 429, str(e), {"retry-after": str(int(e.wait_s) + 1)})
            return
        if known:
            await self.app(scope, receive, send)
        elif path in PAGES and scope["type"] == "http":
            await send_all(send, 303, b"", {"location": "login", "cache-control": "no-store"})
        else:
            await refuse(scope, receive, send, 401, UNKNOWN, {"www-authenticate": "Bearer"})

    def _knows(self, scope: Scope) -> bool:
        # Cookies of other programs on this host come along, and one that is malformed must not hide ours.
        cookie = cookie_parser(header(scope, "cookie")).get(self.cookie, "")
        if hmac.compare_digest(cookie.encode(), self.proof.encode()):
            return True
        kind, _, given = header(scope, "authorization").partition(" ")
        return kind.lower() == "bearer" and self._is_right(scope, given.strip())

    def _is_right(self, scope: Scope, given: str) -> bool:
        """Whether it is the token; raises TooMany after too many that were not."""
        visitor = visitor_name(scope)
        wait = self.tries.wait_s(visitor)
        if wait:  # even the right one: else one could go on guessing
            raise TooMany(wait)
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        self.tries.spend(visitor)
        return False

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            given = json.loads(await _body(receive))["token"]
            right = self._is_right(scope, given)
        except TooMany as e:
            await refuse(scope, receive, send, 429, str(e), {"retry-after": str(int(e.wait_s) + 1)})
            return
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            await refuse(scope, receive, send, 400, 'send {"token": "..."}')
            return
        if not right:
            await refuse(scope, receive, send, 401, "that is not the token of this studio")
            return
        path = scope.get("root_path", "") + "/"
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{self.cookie}={self.proof}; Path={path}; Max-Age={COOKIE_AGE_S}; HttpOnly; SameSite=Strict{secure}"
        await send_all(send, 204, b"", {"set-cookie": cookie, "cache-control": "no-store"})


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) <= MAX_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body
    raise ValueError("too long")
