"""A login that is away at the provider. The browser carries it in a cookie; the server keeps nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from tiro.errors import IdentityRefused
from tiro.kit import clock

LIFE = timedelta(minutes=10)
_ALGORITHM = "HS256"
_AUDIENCE = "tiro-oidc"
_LOST = "This login was not begun in this browser, or took too long. Start it anew."


@dataclass(frozen=True, slots=True)
class Attempt:
    """``state`` and ``nonce`` come back from the provider, ``verifier`` (PKCE) goes there with the code.
    ``to`` is the page to open at the end; ``link`` is the user who wants to be known by this identity."""

    ident: str
    ends: datetime
    state: str
    nonce: str
    verifier: str
    to: str
    link: str | None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.ident.encode()).hexdigest()


class Attempts:
    """What the provider is told is derived from the attempt's random name, so a signed cookie with that name
    is all that a login needs on its way; nobody can fill a table by beginning many."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"tiro identity attempt\0" + secret).digest()

    def begin(self, *, to: str, link: str | None) -> tuple[Attempt, str]:
        """A new attempt, and the text for its cookie."""
        attempt = self._derived(secrets.token_urlsafe(24), clock.now() + LIFE, to, link)
        claims = {"aud": _AUDIENCE, "exp": attempt.ends, "jti": attempt.ident, "to": to, "link": link}
        return attempt, jwt.encode(claims, self._key, _ALGORITHM)

    def read(self, cookie: str | None, state: str) -> Attempt:
        """Raises IdentityRefused where the cookie is none of ours or past, or ``state`` is another's."""
        try:
            claims = jwt.decode(
                cookie or "",
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["aud", "exp", "jti"]},
            )
        except jwt.PyJWTError as err:
            raise IdentityRefused(_LOST) from err
        ends = clock.now() + LIFE
        attempt = self._derived(claims["jti"], ends, claims["to"], claims["link"])
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise IdentityRefused(_LOST)
        return attempt

    def _derived(self, ident: str, ends: datetime, to: str, link: str | None) -> Attempt:
        def derive(purpose: str) -> str:
            digest = hmac.digest(self._key, f"{purpose}\0{ident}".encode(), hashlib.sha256)
            return base64.urlsafe_b64encode(digest).decode().rstrip("=")

        return Attempt(ident, ends, derive("state"), derive("nonce"), derive("verifier"), to, link)
