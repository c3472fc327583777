"""What is derived from an Idempotency-Key: where its answer lies, and the key that opens it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from tiro.http.idempotency import Answer

_NONCE = 12


class Sealer:
    """The keys of one user's Idempotency-Key. They need the server's secret and the Idempotency-Key: the
    database has neither, and the data folder only the first.

    Attributes:
        row_id: names the row, and tells nothing of the key.
    """

    def __init__(self, secret: bytes, user_id: str, token: str) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(SHA256(), length=96, salt=secret, info=b"tiro idempotency")
        keys = derive.derive(f"{user_id}\0{token}".encode())
        self.row_id = keys[:32].hex()
        self._mark, self._lock = keys[32:64], keys[64:]

    def fingerprint(self, request: bytes) -> str:
        """Keyed, for a body may hold what is easily guessed."""
        return hmac.digest(self._mark, request, hashlib.sha256).hex()

    def seal(self, answer: Answer) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head = json.dumps([answer.status, answer.headers]).encode()
        nonce = os.urandom(_NONCE)
        plain = len(head).to_bytes(4, "big") + head + answer.body
        return nonce + AESGCM(self._lock).encrypt(nonce, plain, self.row_id.encode())

    def open(self, sealed: bytes) -> Answer:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        plain = AESGCM(self._lock).decrypt(sealed[:_NONCE], sealed[_NONCE:], self.row_id.encode())
        size = 4 + int.from_bytes(plain[:4], "big")
        status, headers = json.loads(plain[4:size])
        return Answer(status, headers, plain[size:])
