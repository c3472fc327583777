"""Signatures as Standard Webhooks 1.0 has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

_MARK = "whsec_"
_BYTES = 32


def new_secret() -> str:
    return _MARK + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(message_id: str, body: str, keys: Iterable[str], at: datetime) -> dict[str, str]:
    """The headers of one try. The receiver takes the message if any of the signatures is right, so that a
    secret can be exchanged without a gap.

    Args:
        keys: the valid secrets.
        at: of this try: receivers refuse what is older than some minutes, as it may be a replay.
    """
    moment = int(at.timestamp())
    content = f"{message_id}.{moment}.{body}".encode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(key: str, content: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(_MARK))
    return base64.b64encode(hmac.new(raw, content, hashlib.sha256).digest()).decode()
