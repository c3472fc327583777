"""Access tokens: short-lived, signed, and good for nothing but the API."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from tiro.errors import Unauthorized
from tiro.kit import clock

LIFE = timedelta(minutes=10)
_ALGORITHM = "HS256"
_ISSUER = "tiro"
_AUDIENCE = "tiro-api"
_TYPE = "access"
_CLAIMS = ["iss", "aud", "sub", "sid", "typ", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid access token says."""

    user_id: str
    login_id: str


class AccessTokens:
    """JSON Web Tokens. One algorithm, issuer, audience and type are accepted, whatever a token says it is."""

    def __init__(self, secret: bytes) -> None:
        # Derived, so that the secret itself signs nothing and may serve other ends too.
        self._key = hashlib.sha256(b"tiro access token\0" + secret).digest()

    def make(self, access: Access) -> tuple[str, datetime]:
        """The token, and when it ends."""
        now = clock.now()
        ends = now + LIFE
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": access.user_id,
            "sid": access.login_id,
            "typ": _TYPE,
            "iat": now,
            "exp": ends,
        }
        return jwt.encode(claims, self._key, _ALGORITHM), ends

    def read(self, token: str, *, ended: bool = False) -> Access:
        """Raises Unauthorized where it is no token of ours, or it has ended, unless ``ended`` allows that."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": _CLAIMS, "verify_exp": not ended},
            )
        except jwt.PyJWTError as err:
            raise Unauthorized from err
        if claims["typ"] != _TYPE or not isinstance(claims["sid"], str):
            raise Unauthorized
        return Access(user_id=claims["sub"], login_id=claims["sid"])
