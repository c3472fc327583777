"""Codes of authenticator apps (RFC 6238: SHA-1, 6 digits, 30 s, which all apps know), and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

PERIOD = 30
DIGITS = 6
_DRIFT = 1
"""A phone's clock may be a period off, and a person takes a while to type."""
_RECOVERY_BYTES = 10


def code_at(secret: bytes, step: int) -> str:
    """The code of one period, which is the ``step``-th since 1970."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """The period whose code this is, of those around ``now`` that come after the period ``after``."""
    present = int(now.timestamp()) // PERIOD
    found = None
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        right = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if right and step > after:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """As apps take it when it is typed."""
    return base64.b32encode(secret).decode()


def address_of(secret: bytes, name: str) -> str:
    """What a QR code for apps holds."""
    return f"otpauth://totp/Tiro:{quote(name, safe='')}?secret={text_of(secret)}&issuer=Tiro"


def new_recovery_code() -> str:
    """80 random bits in four groups: nobody guesses it, so its SHA-256 is safe to keep."""
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def plain(code: str) -> str:
    """Without what people put between: for apps six digits, else what ``digest_of`` knows."""
    return "".join(code.split()).replace("-", "").lower()


def digest_of(user_id: str, recovery_code: str) -> str:
    return hashlib.sha256(f"{user_id}\0{plain(recovery_code)}".encode()).hexdigest()
