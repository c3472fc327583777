"""A small identity provider on loopback: it speaks OpenID Connect, and lies where a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT, SECRET = "tiro at home", "p:ss/word"
Claims = dict[str, Any]


class IdentityProvider:
    """``subject`` and ``name`` are who is logged in there. A test may alter the claims (``twist``), the
    signing (``sign``), the answer's status, or the name that it gives itself."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", parameters={"kid": "first"})
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.listener.server_port}"
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.be_honest()

    def be_honest(self) -> None:
        self.subject, self.name = "248289761001", "jane"
        self.named = self.issuer
        self.status = 200
        self.denies = False
        self.twist: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def description(self) -> Claims:
        return {
            "issuer": self.named,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def grant(self, query: dict[str, str]) -> str:
        """The address to which the browser goes back."""
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        if self.denies:
            answer = {"error": "access_denied", "state": query["state"]}
        else:
            code = secrets.token_urlsafe(8)
            self.codes[code] = query
            answer = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        granted = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        # RFC 6749, 2.3.1: encoded, joined, encoded again.
        who = base64.b64encode(b"tiro+at+home:p%3Ass%2Fword").decode()
        if authorization != f"Basic {who}":
            return 401, {"error": "invalid_client"}
        if (
            granted is None
            or granted["redirect_uri"] != form["redirect_uri"]
            or granted["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.subject, "aud": CLIENT, "exp": now + 300, "iat": now}
        claims |= {"nonce": granted["nonce"], "preferred_username": self.name, "email": "owner@example.org"}
        token = self.sign(self.twist(claims))
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.grant(dict(parse_qsl(parts.query))))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/keys":
                self.answer(200, KeySet([provider.key]).as_dict(private=False))
            else:
                assert parts.path == "/.well-known/openid-configuration"
                self.answer(provider.status, provider.description())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(parse_qsl(body))
            self.answer(*provider.redeem(form, self.headers.get("Authorization", "")))

        def answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    thread = threading.Thread(target=provider.listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        provider.listener.shutdown()
        thread.join()
        provider.listener.server_close()
