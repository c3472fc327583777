"""Who makes this request, and whether they may.

Each route says the scope it needs: ``dependencies=[READ]``, or ``who: Writer`` where it asks who calls.
FastAPI puts the scope into the OpenAPI document too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request, Security
from fastapi.security import SecurityScopes
from starlette.concurrency import run_in_threadpool

from tiro import actors
from tiro.errors import NotFound, NotShared, Unauthorized
from tiro.features.keys.scopes import Scope, missing
from tiro.features.keys.service import Caller
from tiro.http.browsers import SAFE_METHODS, browsers_of
from tiro.http.dependencies import Secret, sent_secret
from tiro.http.limits import RequestLimits

RECHECK_SECONDS = 20.0


class Authenticator(Protocol):
    """Knows callers by their keys, and by whatever else there is."""

    def authenticate(self, secret: str) -> Caller:
        """Raises Unauthorized."""
        ...

    def recheck(self, secret: str) -> Caller:
        """As ``authenticate``, for what stays open: an access token that ended by itself is no
        reason to close it. Raises Unauthorized."""
        ...


async def _limits(request: Request) -> RequestLimits:
    return cast(RequestLimits, request.app.state.runtime.limits)


Limits = Annotated[RequestLimits, Depends(_limits)]


async def caller(
    request: Request,
    needed: SecurityScopes,
    secret: Annotated[Secret, Depends(sent_secret)],
    limits: Limits,
) -> Caller:
    """FastAPI asks again for each set of scopes that a route's parts need; the caller is looked up once.

    Raises:
        Unauthorized: the key is unknown, revoked or expired.
        CrossSiteRequest: a cookie came without the signs that a page of ours sent it.
        Forbidden: it lacks a scope.
        RateLimited: there were too many requests with it.
    """
    found: Caller | None = getattr(request.state, "caller", None)
    if found is None:
        callers = cast(Authenticator, request.app.state.runtime.callers)
        found = await run_in_threadpool(callers.authenticate, secret.text)
        if secret.from_cookie:
            _check_cookie(request, found)
        request.state.caller = found
        actors.identify(found.user_id, found.name, found.key_id)
        await limits.count_key(request, found.key_id or found.user_id)
    for scope in needed.scopes:
        if scope not in found.scopes:
            raise missing(Scope(scope))
    return found


def _check_cookie(request: Request, found: Caller) -> None:
    if found.login_id is None:
        raise Unauthorized  # a key in a cookie has nothing to which a token could be bound
    if request.method not in SAFE_METHODS:
        browsers_of(request).check(request, found.login_id)


class Standing:
    """Tells an open stream when its caller is none any more: the key revoked or expired, the login ended, or
    what it shows no longer open to them."""

    def __init__(self, callers: Authenticator, secret: str) -> None:
        self._callers = callers
        self._secret = secret
        self._next = time.monotonic() + RECHECK_SECONDS
        self._also: Callable[[], None] = lambda: None

    def also(self, check: Callable[[], None]) -> None:
        """A further check: it raises NotFound or NotShared where the caller may not see this any more."""
        self._also = check

    async def lost(self) -> bool:
        """Asks the database now and then, however often it is called."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + RECHECK_SECONDS
        try:
            await run_in_threadpool(self._recheck)
        except (Unauthorized, NotFound, NotShared):
            return True
        return False

    def _recheck(self) -> None:
        self._callers.recheck(self._secret)
        self._also()


async def standing(request: Request, secret: Annotated[Secret, Depends(sent_secret)]) -> Standing:
    return Standing(cast(Authenticator, request.app.state.runtime.callers), secret.text)


StandingDependency = Annotated[Standing, Depends(standing)]

READ = Security(caller, scopes=[Scope.READ])
WRITE = Security(caller, scopes=[Scope.WRITE])

ADMIN = Security(caller, scopes=[Scope.ADMIN])

CallerDependency = Annotated[Caller, Depends(caller)]
"""For guards of whole routers, which need no scope of their own."""
Reader = Annotated[Caller, READ]
Writer = Annotated[Caller, WRITE]
