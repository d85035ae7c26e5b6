"""How much one visitor may ask for: requests a second, and requests and pages that are open at once."""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from spatialgan.errors import SpatialGANError
from spatialgan.studio.guard import App, Receive, Scope, Send, refuse
from spatialgan.studio.proxy import address_of

BURST_S = 10.0  # of the rate, that may be asked for at once: a page comes as thirty files
MOST_AT_ONCE = 64
MOST_REMEMBERED = 10_000  # visitors


class TooMany(SpatialGANError):
    """A visitor has to wait."""

    def __init__(self, wait_s: float):
        super().__init__(f"that is more than one visitor may ask for; try again in {math.ceil(wait_s)} s")
        self.wait_s = wait_s


@dataclass
class _Bucket:
    left: float
    at: float


class Rate:
    """A token bucket for each visitor: ``rate`` a second, and ``burst`` at once. A rate of 0 lets everything pass."""

    def __init__(self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic):
        self.rate, self.burst, self._clock = rate, burst, clock
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, visitor: str) -> float:
        """Seconds until the visitor may ask again; 0 for now."""
        bucket = self._bucket(visitor)
        return 0.0 if bucket is None or bucket.left >= 1 else (1 - bucket.left) / self.rate

    def spend(self, visitor: str, amount: float = 1.0) -> None:
        """Count ``amount`` requests, which may leave the visitor in debt; raises TooMany where nothing was left."""
        wait = self.wait_s(visitor)
        if wait:
            raise TooMany(wait)
        self.charge(visitor, amount)

    def charge(self, visitor: str, amount: float) -> None:
        """Count what a request that was let in turns out to cost, which may leave the visitor in debt."""
        bucket = self._bucket(visitor)
        if bucket is not None:
            bucket.left -= amount

    def _bucket(self, visitor: str) -> _Bucket | None:
        if not self.rate:
            return None
        now = self._clock()
        if visitor not in self._buckets:
            if len(self._buckets) >= MOST_REMEMBERED:
                self._forget(now)
            self._buckets[visitor] = _Bucket(self.burst, now)
        bucket = self._buckets[visitor]
        bucket.left, bucket.at = min(self.burst, bucket.left + self.rate * (now - bucket.at)), now
        return bucket

    def _forget(self, now: float) -> None:
        """Those that have not been here for long; and the oldest half, where they are too many."""
        oldest = sorted(self._buckets, key=lambda key: self._buckets[key].at)
        for visitor in oldest[: len(oldest) // 2]:
            del self._buckets[visitor]


def visitor_name(scope: Scope) -> str:
    """Whom a request is counted for: an address, or the network of one household, where it is IPv6."""
    address = address_of(scope)
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)


class Visits:
    """ASGI middleware: answers 429 where a visitor asks too often, or for too much at once."""

    def __init__(self, app: App, *, rate: Rate, most_at_once: int = MOST_AT_ONCE):
        self.app, self.rate, self.most = app, rate, most_at_once
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self.rate.rate:
            await self.app(scope, receive, send)
            return
        visitor = visitor_name(scope)
        try:
            if self._open[visitor] >= self.most:
                raise TooMany(1)
            self.rate.spend(visitor)
        except TooMany as e:
            await refuse(scope, receive, send, 429, str(e), {"retry-after": str(math.ceil(e.wait_s))})
            return
        self._open[visitor] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[visitor] -= 1
            if not self._open[visitor]:
                del self._open[visitor]
