"""Addresses that users write, read once: what is checked here is what is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from tiro.egress.addresses import is_address
from tiro.errors import InvalidRequest

MAX_URL = 2048
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
# `127.1`, `2130706433`, `0x7f000001`, `0177.0.0.1`: C's old ways to write an IPv4 address, which name
# servers never see.
_ODD_IPV4 = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. ``host`` is a name in ASCII, or an address in full, without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    path: bytes

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    def join(self, location: str) -> Target:
        """Where ``location``, seen from here, leads; raises InvalidRequest."""
        import httpx

        try:
            # Servers put into the header what they like; what has no place in a URL is escaped.
            escaped = quote(location.encode("latin-1", "replace"), safe="!#$%&'()*+,/:;=?@[]~")
            joined = httpx.URL(self.url).join(escaped)
        except httpx.InvalidURL as err:
            raise _no_url() from err
        return target_of(str(joined))


def target_of(url: str) -> Target:
    """Raises InvalidRequest where it is no address that can be called."""
    import httpx

    if len(url) > MAX_URL or not url.isprintable() or re.search(r"[\s\\]", url):
        raise _no_url()
    try:
        read = httpx.URL(url).copy_with(fragment=None)
        host = read.raw_host.decode("ascii").lower().rstrip(".")
    except (httpx.InvalidURL, UnicodeError) as err:
        raise _no_url() from err
    if read.scheme not in _PORTS:
        raise InvalidRequest("An address to call begins with https:// or http://.")
    if "@" in read.netloc.decode("ascii") or read.userinfo:
        raise InvalidRequest("An address to call has no user name or password in it.")
    if not is_address(host):
        if _ODD_IPV4.fullmatch(host):
            raise InvalidRequest("An IPv4 address has four numbers without leading zeros, such as 192.0.2.1.")
        if len(host) > 253 or not _NAME.fullmatch(host):
            raise _no_url()
    port = _PORTS[read.scheme] if read.port is None else read.port
    if not 0 < port < 65536:
        raise InvalidRequest("A port is a number from 1 to 65535.")
    return Target(str(read), read.scheme, host, port, read.netloc.decode("ascii"), read.raw_path)


def _no_url() -> InvalidRequest:
    return InvalidRequest(
        f"This is no address that can be called. Write one such as https://example.com/hook, of at most "
        f"{MAX_URL} characters."
    )
