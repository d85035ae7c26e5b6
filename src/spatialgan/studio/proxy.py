"""Behind a proxy: who really asks, for which name, and under which path. Believed of proxies that the user named."""

import ipaddress
from collections.abc import Sequence

from spatialgan.studio.access import Access, Network, clean_prefix
from spatialgan.studio.guard import App, Receive, Scope, Send, header

SCHEMES = {
    "http": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"},
}


class Forwarded:
    """ASGI middleware: puts what X-Forwarded-For, -Proto, -Host and -Prefix say into the scope."""

    def __init__(self, app: App, *, access: Access):
        self.app, self.networks, self.root_path = app, access.networks, access.root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in SCHEMES:
            scope = {**scope, "root_path": self.root_path}
            if is_in(address_of(scope), self.networks):
                self._believe(scope)
            root_path = scope["root_path"]
            if root_path and scope["path"] == root_path and scope["type"] == "http":
                await _redirect(send, f"{root_path}/")  # or the page's own relative addresses would miss the prefix
                return
        await self.app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        visitor = visitor_of(header(scope, "x-forwarded-for"), self.networks)
        if visitor:
            scope["client"] = (visitor, 0)
        proto = _last(header(scope, "x-forwarded-proto")).lower()
        scope["scheme"] = SCHEMES[scope["type"]].get(proto, scope.get("scheme"))
        host = _last(header(scope, "x-forwarded-host"))
        if host:
            others = [(key, value) for key, value in scope["headers"] if key != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]
        prefix = clean_prefix(header(scope, "x-forwarded-prefix"))
        if prefix:
            scope["root_path"] = prefix


def address_of(scope: Scope) -> str:
    """Who asks; empty where nobody knows, as with a Unix socket."""
    return (scope.get("client") or ("", 0))[0]


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of the networks."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks)


def visitor_of(forwarded_for: str, networks: Sequence[Network]) -> str:
    """Of a list of addresses, each added by a proxy behind the one before, the last that is no proxy of ours.

    What stands before it anybody may have written.
    """
    for text in reversed(forwarded_for.split(",")):
        address = text.strip().removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return ""
        if not is_in(address, networks):
            return address
    return ""


def _last(values: str) -> str:
    return values.rsplit(",", 1)[-1].strip()


async def _redirect(send: Send, where: str) -> None:
    await send({"type": "http.response.start", "status": 308, "headers": [(b"location", where.encode("latin-1"))]})
    await send({"type": "http.response.body", "body": b""})
