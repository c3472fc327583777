"""What endpoints ask for: who calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tiro.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, description="An API key; `tiro keys create` makes one.")


def bearer_secret(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> str:
    """The secret that the caller sent.

    Raises:
        Unauthorized: none was sent.
    """
    if credentials is None:
        raise Unauthorized
    return credentials.credentials
