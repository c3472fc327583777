"""The identity provider, as OpenID Connect describes it."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import httpx
import structlog

from tiro.errors import IdentityProviderAway, IdentityRefused
from tiro.features.accounts.identities.attempts import Attempt

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

_log = structlog.get_logger(__name__)
_WELL_KNOWN = "/.well-known/openid-configuration"
_FRESH_SECONDS = 3600.0
_KEYS_AGAIN_SECONDS = 60.0
_TIMEOUT = httpx.Timeout(10.0)
_AWAY_SECONDS = 5.0
_MOST_BYTES = 1_000_000
_LEEWAY = 60
_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures of a key that only the provider has. Never `none`; never an HMAC, for which a public key would
pass as the secret."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as the provider knows them. Only ``issuer`` and ``subject`` say who it is: the rest they may
    have typed themselves."""

    issuer: str
    subject: str
    name: str | None


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    auth_methods: tuple[str, ...]


class Provider:
    """One issuer. What it says of itself is asked for when first needed, and again each hour.

    Raises, in all verbs that ask it: IdentityProviderAway."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None, *, scopes: str) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._lock = asyncio.Lock()
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None
        self._metadata_until = self._away_until = self._keys_at = 0.0
        self._tls: ssl.SSLContext | None = None

    async def address(self, attempt: Attempt, redirect: str) -> str:
        """Where the browser goes to log in."""
        metadata = await self._described()
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        address: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._client_id,
            "code",
            redirect,
            self._scopes,
            attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return address

    async def identify(self, attempt: Attempt, code: str, redirect: str) -> Identity:
        """Who came back with ``code``. Raises IdentityRefused where what the provider says does not hold."""
        metadata = await self._described()
        token = await self._redeem(metadata, attempt, code, redirect)
        claims = await self._verified(metadata, token, attempt.nonce)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise IdentityRefused
        name = claims.get("preferred_username") or claims.get("name")
        return Identity(self.issuer, subject, name if isinstance(name, str) else None)

    # --- inside -------------------------------------------------------------------------------------

    async def _redeem(
        self, metadata: _Metadata, attempt: Attempt, code: str, redirect: str
    ) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": attempt.verifier,
        }
        auth = None
        if self._client_secret is not None and "client_secret_basic" in metadata.auth_methods:
            # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
            auth = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._client_secret))
        else:
            form["client_id"] = self._client_id
            if self._client_secret is not None:
                form["client_secret"] = self._client_secret
        status, answer = await self._ask("POST", metadata.token_endpoint, form, auth)
        if status != 200 or not isinstance(answer.get("id_token"), str):
            # Its own word, such as `invalid_client`, is for the operator; never what else came with it.
            reason = str(answer.get("error", "no id_token"))[:100]
            _log.warning("identity.code_refused", status=status, reason=reason)
            raise IdentityRefused(
                f"The identity provider did not redeem the login ({reason!r}). Start it anew; where that "
                "does not help, check TIRO_OIDC_CLIENT_ID and TIRO_OIDC_CLIENT_SECRET."
            )
        return answer

    async def _verified(self, metadata: _Metadata, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        text = token["id_token"]
        try:
            try:
                found = jwt.decode(text, await self._key_set(metadata), algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # they changed their keys
                found = jwt.decode(text, await self._key_set(metadata, anew=True), algorithms=_ALGORITHMS)
            claims = CodeIDToken(
                found.claims,
                found.header,
                options={
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError) as err:
            _log.warning("identity.token_refused", reason=type(err).__name__)
            raise IdentityRefused from err
        return dict(claims)

    async def _described(self) -> _Metadata:
        async with self._lock:
            now = time.monotonic()
            if self._metadata is None or now > self._metadata_until:
                if now < self._away_until:  # nobody shall queue up to wait for it in vain
                    raise IdentityProviderAway(retry_after=_AWAY_SECONDS)
                self._away_until = now + _AWAY_SECONDS
                self._metadata = await self._asked()
                self._metadata_until, self._away_until = now + _FRESH_SECONDS, 0.0
            return self._metadata

    async def _asked(self) -> _Metadata:
        status, found = await self._ask("GET", self.issuer.rstrip("/") + _WELL_KNOWN)
        if status != 200 or found.get("issuer") != self.issuer:
            _log.warning("identity.misdescribed", status=status, issuer=str(found.get("issuer"))[:200])
            raise IdentityProviderAway(
                f"What answers at {self.issuer} is no identity provider of this name. Check "
                "TIRO_OIDC_ISSUER; meanwhile log in with a password."
            )
        return _read(found)

    async def _key_set(self, metadata: _Metadata, *, anew: bool = False) -> KeySet:
        """``anew``: not those that are known, unless they are fresh: forged tokens shall not make us ask and
        ask."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        async with self._lock:
            now = time.monotonic()
            stale = anew and now > self._keys_at + _KEYS_AGAIN_SECONDS
            if self._keys is None or stale or now > self._keys_at + _FRESH_SECONDS:
                status, found = await self._ask("GET", metadata.jwks_uri)
                try:
                    if status != 200:
                        raise ValueError(status)
                    self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError, AttributeError) as err:
                    raise IdentityProviderAway("The identity provider shows no keys. Try again.") from err
                self._keys_at = now
            return self._keys

    async def _ask(
        self, verb: str, address: str, form: dict[str, str] | None = None, auth: httpx.Auth | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status, and the JSON object of the answer; an empty one where it has none."""
        headers = {"Accept": "application/json"}
        if self._tls is None:
            self._tls = await asyncio.to_thread(_prepared)
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT, verify=self._tls) as client,
                client.stream(
                    verb, address, data=form, headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT
                ) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise IdentityProviderAway
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            _log.warning("identity.provider_away", reason=type(err).__name__)
            raise IdentityProviderAway(retry_after=_AWAY_SECONDS) from err
        if answer.status_code >= 500:
            raise IdentityProviderAway(retry_after=_AWAY_SECONDS)
        try:
            found = json.loads(body)
        except ValueError:
            found = {}
        return answer.status_code, found if isinstance(found, dict) else {}


def _prepared() -> ssl.SSLContext:
    """What takes a while, once: all certificates are read, and the libraries are loaded."""
    for name in (
        "authlib.oauth2.rfc6749.parameters",
        "authlib.oauth2.rfc7636",
        "authlib.oidc.core",
        "joserfc.jwt",
    ):
        import_module(name)
    return httpx.create_ssl_context()


def _read(found: dict[str, Any]) -> _Metadata:
    methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    try:
        return _Metadata(
            authorization_endpoint=str(found["authorization_endpoint"]),
            token_endpoint=str(found["token_endpoint"]),
            jwks_uri=str(found["jwks_uri"]),
            auth_methods=tuple(map(str, methods)),
        )
    except KeyError as err:
        raise IdentityProviderAway(f"The identity provider does not name its {err.args[0]}.") from err
