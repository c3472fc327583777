"""What proxies say of whoever is behind them, where the operator believes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network

BELIEVED = "believed"
"""In the request's ``state``: whether a believed proxy sent it."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class BelievedProxies:
    """Plain ASGI: where the peer is a believed proxy, the request is as that proxy received it: the client's
    address (`X-Forwarded-For`), the scheme (`X-Forwarded-Proto`) and the host (`X-Forwarded-Host`). From
    anybody else these headers mean nothing."""

    def __init__(self, app: ASGIApp, networks: Sequence[Network]) -> None:
        self._app = app
        self._networks = tuple(networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._networks and scope["type"] in {"http", "websocket"} and client and self._believed(client[0]):
            scope = self._as_received(scope)
        await self._app(scope, receive, send)

    def _as_received(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        changed = {**scope, "state": {**scope.get("state", {}), BELIEVED: True}}
        if (address := self._client(_listed(headers, "x-forwarded-for"))) is not None:
            changed["client"] = (address, 0)
        # The last entry is that of the proxy which is asked; those before it anybody may have written.
        scheme = (_listed(headers, "x-forwarded-proto") or [""])[-1].lower()
        if scheme in {"http", "https"}:
            secure = scheme == "https"
            changed["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else scheme
        host = (_listed(headers, "x-forwarded-host") or [""])[-1]
        if _HOST.fullmatch(host):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            changed["headers"] = [(b"host", host.encode("ascii")), *others]
        return changed

    def _client(self, hops: list[str]) -> str | None:
        """The rightmost that is no believed proxy: what is to the left of it, it may have invented."""
        found = None
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            found = address
            if not self._believed(address):
                break
        return found

    def _believed(self, host: str) -> bool:
        address = _address(host)
        if address is None:
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


def _listed(headers: Headers, name: str) -> list[str]:
    """All entries of a header that may come several times."""
    return [entry.strip() for line in headers.getlist(name) for entry in line.split(",")]


def _address(hop: str) -> str | None:
    """The address alone, without the port that some proxies add; None where it is none."""
    host = hop.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
