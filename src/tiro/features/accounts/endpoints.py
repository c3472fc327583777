"""Log in and out, and one's own account: `/api/v1/auth`, `/api/v1/me`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, Field

from tiro.errors import Conflict, Forbidden, InvalidRequest, Unauthorized
from tiro.features.accounts.dependencies import Accounts, InTurn
from tiro.features.accounts.service import Tokens
from tiro.features.accounts.tokens import LIFE
from tiro.features.keys.dependencies import Limits, Reader, Writer
from tiro.features.keys.scopes import Scope
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1", tags=["account"])

_REFUSED = documented(Unauthorized)
_KEYED = documented(Unauthorized, Forbidden)


class Credentials(BaseModel):
    name: str = Field(max_length=200)
    password: str = Field(max_length=5000)


class RefreshToken(BaseModel):
    refresh_token: str = Field(max_length=5000)


class LinkAnswer(BaseModel):
    token: str = Field(max_length=200, description="What stands behind `#` in the link.")
    password: str = Field(max_length=5000, description="10 to 1000 characters.")


class PasswordChange(BaseModel):
    current: str = Field(max_length=5000)
    new: str = Field(max_length=5000, description="10 to 1000 characters.")


class TokenPair(BaseModel):
    """As OAuth 2.0 names them."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (a kind, not a secret)
    expires_in: int = Field(description="Seconds that the access token is valid.")
    refresh_token: str = Field(description="Exchange it once, before or after that, for the next pair.")


class Me(BaseModel):
    id: str
    name: str = Field(description="Of the key, or of the user who logged in.")
    scopes: list[Scope]
    key_id: str | None = Field(description="None after a login.")


@router.post("/auth/login", responses=_REFUSED)
async def login(
    accounts: Accounts,
    turns: InTurn,
    limits: Limits,
    request: Request,
    given: Credentials,
    response: Response,
) -> TokenPair:
    """Log in with a password. The access token goes where a key does; it has all scopes of your role."""
    async with limits.guess_of_name(request, given.name):
        return _pair(response, await turns.run(accounts.login, given.name, given.password))


@router.post("/auth/refresh", responses=_REFUSED)
def refresh(accounts: Accounts, given: RefreshToken, response: Response) -> TokenPair:
    """Exchange a refresh token for a new pair. One that comes a second time ends the whole login."""
    return _pair(response, accounts.refresh(given.refresh_token))


@router.post("/auth/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(accounts: Accounts, given: RefreshToken) -> None:
    """End this login, with all tokens that came of it."""
    accounts.logout(given.refresh_token)


@router.post("/auth/logout-everywhere", status_code=status.HTTP_204_NO_CONTENT, responses=_KEYED)
def logout_everywhere(accounts: Accounts, who: Writer) -> None:
    """End all your logins. Keys stay valid."""
    accounts.logout_everywhere(who.user_id)


@router.post("/auth/link", responses=documented(Unauthorized, InvalidRequest))
async def accept_link(accounts: Accounts, turns: InTurn, given: LinkAnswer, response: Response) -> TokenPair:
    """Set a password with the token of a link, and log in. A link is good for one use."""
    return _pair(response, await turns.run(accounts.accept, given.token, given.password))


@router.get("/me", responses=_KEYED)
def me(who: Reader) -> Me:
    """Who you are to the server, and what you may do."""
    scopes = [scope for scope in Scope if scope in who.scopes]
    return Me(id=who.user_id, name=who.name, scopes=scopes, key_id=who.key_id)


@router.post("/me/password", responses=documented(Unauthorized, Forbidden, Conflict, InvalidRequest))
async def change_password(
    accounts: Accounts,
    turns: InTurn,
    limits: Limits,
    request: Request,
    who: Writer,
    given: PasswordChange,
    response: Response,
) -> TokenPair:
    """Set another password. All logins end; the answer begins a new one."""
    async with limits.guess_of_name(request, who.user_id):
        tokens = await turns.run(accounts.change_password, who.user_id, given.current, given.new)
    return _pair(response, tokens)


def _pair(response: Response, tokens: Tokens) -> TokenPair:
    response.headers["Cache-Control"] = "no-store"
    return TokenPair(
        access_token=tokens.access, expires_in=int(LIFE.total_seconds()), refresh_token=tokens.refresh
    )
