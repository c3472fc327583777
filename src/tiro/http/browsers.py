"""Tell what our own pages send from what another site makes a browser send."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from tiro.errors import CrossSiteRequest

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURE = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class Browsers:
    """A browser adds its cookies to whatever any page makes it send. So a cookie is believed only together
    with a page of ours: one that we or the operator's list of origins stand for, and that knows the token of
    the login, which other sites cannot read.

    Args:
        secret: the server's; tokens are derived from it.
        origins: those of other web clients that may use this server, such as ``https://app.example.org``.
    """

    def __init__(self, secret: bytes, origins: Iterable[str] = ()) -> None:
        self._key = hashlib.sha256(b"tiro csrf token\0" + secret).digest()
        self.origins = frozenset(origins)

    def csrf_token(self, login_id: str) -> str:
        """The token of one login, the same from its beginning to its end."""
        return hmac.new(self._key, login_id.encode(), hashlib.sha256).hexdigest()

    def check_origin(self, connection: HTTPConnection) -> None:
        """Raises CrossSiteRequest where the page that sent this is of another site. What says nothing of a
        page is no browser's, or an old one's."""
        origin = connection.headers.get("origin")
        if origin is not None and origin in self.origins:
            return
        # What browsers say themselves, where the connection is one to trust, and no script can alter.
        site = connection.headers.get("sec-fetch-site")
        if site is None:
            own = origin is None or _is_own(connection, origin)
        else:
            own = site in {"same-origin", "none"}
        if not own:
            raise CrossSiteRequest("Another site sent this request. TIRO_HTTP_ORIGINS lists those that may.")

    def check(self, connection: HTTPConnection, login_id: str) -> None:
        """Whether a request with the cookie of this login may change something. Raises CrossSiteRequest."""
        self.check_origin(connection)
        sent = connection.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), self.csrf_token(login_id).encode()):
            raise CrossSiteRequest


def browsers_of(connection: HTTPConnection) -> Browsers:
    return cast(Browsers, connection.app.state.runtime.browsers)


async def own_origin(websocket: WebSocket) -> None:
    """A dependency of every socket: browsers open sockets to wherever a page wants, and no rule of theirs
    stops them. Raises CrossSiteRequest, which the handshake answers with 403."""
    browsers_of(websocket).check_origin(websocket)


def _is_own(connection: HTTPConnection, origin: str) -> bool:
    """Whether the origin is this host. A proxy may take https from the browser and speak http to us; a page
    of http never speaks for a host of https."""
    parts = urlsplit(origin)
    schemes = {"https", _SECURE.get(connection.url.scheme, "https")}
    host = connection.headers.get("host", "")
    return bool(host) and parts.scheme in schemes and parts.netloc.lower() == host.lower()
