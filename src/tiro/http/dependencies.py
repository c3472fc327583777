"""What endpoints ask for: who calls.

A dependency that only looks something up in memory is ``async``: FastAPI sends each of the others to a worker
thread, and under load each way there and back waits for its turn.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tiro.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, description="An API key; `tiro keys create` makes one.")


async def bearer_secret(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> str:
    """The secret that the caller sent.

    Raises:
        Unauthorized: none was sent.
    """
    if credentials is None:
        raise Unauthorized
    return credentials.credentials
