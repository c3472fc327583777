"""Who makes this request."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.keys.service import Caller, KeyService
from tiro.http.dependencies import bearer_secret


def caller(request: Request, secret: Annotated[str, Depends(bearer_secret)]) -> Caller:
    """Raises Unauthorized where the key is unknown or revoked."""
    return cast(KeyService, request.app.state.runtime.keys).authenticate(secret)


CallerDependency = Annotated[Caller, Depends(caller)]
