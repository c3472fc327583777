"""What the endpoints of accounts use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from tiro.errors import Forbidden
from tiro.features.accounts.factors.service import FactorService
from tiro.features.accounts.service import AccountService
from tiro.features.keys.dependencies import Writer
from tiro.features.keys.service import Caller
from tiro.features.users.service import UserService

_P = ParamSpec("_P")
_T = TypeVar("_T")
_AT_ONCE = 2


async def _accounts(request: Request) -> AccountService:
    return cast(AccountService, request.app.state.runtime.accounts)


async def _users(request: Request) -> UserService:
    return cast(UserService, request.app.state.runtime.users)


async def _factors(request: Request) -> FactorService:
    return cast(FactorService, request.app.state.runtime.factors)


async def _logged_in(who: Writer) -> Caller:
    """Who changes how they log in must have done so: else a stolen key could shut its owner out."""
    if who.login_id is None:
        raise Forbidden("Log in to do that; a key is not enough.")
    return who


class Turns:
    """Passwords are hashed by few at a time: a crowd at the door waits here, and takes neither the memory nor
    the threads that other requests need."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def run(self, function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs) -> _T:
        async with self._turns:
            return await run_in_threadpool(function, *arguments, **options)


async def _turns(request: Request) -> Turns:
    state = request.app.state
    if not hasattr(state, "password_turns"):
        state.password_turns = Turns()
    return cast(Turns, state.password_turns)


Accounts = Annotated[AccountService, Depends(_accounts)]
Users = Annotated[UserService, Depends(_users)]
InTurn = Annotated[Turns, Depends(_turns)]
Factors = Annotated[FactorService, Depends(_factors)]
LoggedIn = Annotated[Caller, Depends(_logged_in)]
