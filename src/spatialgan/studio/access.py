"""Who may use a studio, from where, and how much of it: what the user says at its start, checked."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from spatialgan.errors import SpatialGANError
from spatialgan.studio.guard import LOOPBACK

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHORTEST_TOKEN = 8
RATE = 20.0  # requests a second and visitor, of a studio that others can reach
FASTEST = 10_000.0


@dataclass(frozen=True)
class Access:
    """The default is a studio for this computer alone. Raises SpatialGANError where something does not make sense."""

    host: str = "127.0.0.1"
    """Where it listens."""
    names: tuple[str, ...] = ()
    """Other names that requests may ask for: of this computer, or the one that a proxy answers to."""
    token: str | None = None
    """What visitors must know; None for nothing."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks (``10.0.0.0/8``) whose X-Forwarded headers are believed."""
    prefix: str = ""
    """The path under which a proxy shows the studio, as in ``/studio``; a proxy may also send X-Forwarded-Prefix."""
    rate: float | None = None
    """Requests a second and visitor; 0 for no limit, None for :data:`RATE` where others can reach the studio."""

    def __post_init__(self) -> None:
        for name in self.names:
            _check_name(name)
        _check_token(self.token)
        _ = self.networks
        if self.prefix and not clean_prefix(self.prefix):
            raise SpatialGANError(
                f"--prefix {self.prefix}: use a path such as /studio, of letters, digits, - _ . and /"
            )
        if self.rate is not None and not 0 <= self.rate <= FASTEST:
            raise SpatialGANError(
                f"--rate is {self.rate:g}; use requests a second up to {FASTEST:,.0f}, or 0 for any number"
            )

    @property
    def is_local(self) -> bool:
        """Whether nobody but this computer's own users can reach it."""
        return self.host in LOOPBACK and not self.proxies

    @property
    def networks(self) -> tuple[Network, ...]:
        """:attr:`proxies`, read."""
        try:
            return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in self.proxies)
        except ValueError as e:
            raise SpatialGANError(f"--proxy: {e}; use an address or a network, as in 127.0.0.1 or 10.0.0.0/8") from None

    @property
    def root_path(self) -> str:
        """:attr:`prefix` as ``/studio``, without a slash at its end."""
        return clean_prefix(self.prefix)

    @property
    def requests_a_second(self) -> float:
        """The limit in force; 0 for none."""
        return (0.0 if self.is_local else RATE) if self.rate is None else self.rate


def clean_prefix(text: str) -> str:
    """A path as ``/a/b``; empty where it is not one."""
    parts = [part for part in text.split("/") if part]
    fine = all(
        part.strip(".") and part.isascii() and part.replace("-", "").replace("_", "").replace(".", "").isalnum()
        for part in parts
    )
    return "".join(f"/{part}" for part in parts) if fine and len(text) <= 200 else ""


def _check_name(name: str) -> None:
    try:
        fine = name.isascii() and bool(name.strip()) and urlsplit(f"//{name}").hostname == name.lower()
    except ValueError:
        fine = False
    if not fine:
        raise SpatialGANError(
            f"--allow-host {name}: use a name alone, as in studio.example.org, without http:// and port"
        )


def _check_token(token: str | None) -> None:
    if token is None:
        return
    if len(token) < SHORTEST_TOKEN or not all("!" <= c <= "~" for c in token):
        raise SpatialGANError(
            f"the token must have {SHORTEST_TOKEN} or more letters, digits or signs, without spaces; "
            "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
