"""Log in and out, and one's own account: `/api/v1/auth`, `/api/v1/me`."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import BaseModel, Field

from tiro.errors import (
    Conflict,
    CrossSiteRequest,
    Forbidden,
    InvalidRequest,
    TooManyGuesses,
    Unauthorized,
)
from tiro.features.accounts.answers import SECOND_STEP, Begun, begun, entered
from tiro.features.accounts.browser import BrowserDependency
from tiro.features.accounts.dependencies import Accounts, InTurn
from tiro.features.accounts.passwords import LONGEST, SHORTEST
from tiro.features.keys.dependencies import Limits, Reader, Writer
from tiro.features.keys.scopes import Scope
from tiro.http.dependencies import Secret, sent_secret
from tiro.http.fields import Flag
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1", tags=["account"])

_REFUSED = documented(Unauthorized, CrossSiteRequest)
_KEYED = documented(Unauthorized, Forbidden)
NewPassword = Annotated[
    str,
    # The service says how long it must be, in a sentence.
    Field(max_length=5000, json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST}),
]
_COOKIE = "For a browser: the tokens come as cookies that no script can read, and not in the answer."


class Credentials(BaseModel):
    name: str = Field(max_length=200)
    password: str = Field(max_length=5000)
    cookie: Flag = Field(False, description=_COOKIE)


class Code(BaseModel):
    challenge: str = Field(max_length=200)
    code: str = Field(max_length=100, description="Six digits of the app, or a recovery code.")
    cookie: Flag = Field(False, description=_COOKIE)


class RefreshToken(BaseModel):
    refresh_token: str | None = Field(None, max_length=5000, description="By default that of the cookie.")


class LinkAnswer(BaseModel):
    token: str = Field(max_length=200, description="What stands behind `#` in the link.")
    password: NewPassword
    cookie: Flag = Field(False, description=_COOKIE)


class PasswordChange(BaseModel):
    current: str = Field(max_length=5000)
    new: NewPassword


class Me(BaseModel):
    id: str
    name: str = Field(description="Of the key, or of the user who logged in.")
    scopes: list[Scope]
    key_id: str | None = Field(description="None after a login.")


_ENTERED = {**_REFUSED, **SECOND_STEP}


@router.post("/auth/login", response_model=Begun, responses=_ENTERED)
async def login(
    accounts: Accounts,
    turns: InTurn,
    limits: Limits,
    browser: BrowserDependency,
    request: Request,
    given: Credentials,
    response: Response,
) -> Begun | Response:
    """Log in with a password. The access token goes where a key does; it has all scopes of your role."""
    if given.cookie:
        browser.check_origin()
    async with limits.guess_of_name(request, given.name):
        outcome = await turns.run(accounts.login, given.name, given.password)
    return entered(response, browser, outcome, cookie=given.cookie)


@router.post("/auth/second-factor", responses=documented(Unauthorized, CrossSiteRequest, TooManyGuesses))
def second_factor(accounts: Accounts, browser: BrowserDependency, given: Code, response: Response) -> Begun:
    """The second step of a login, where `/auth/login` or `/auth/link` answered with a challenge."""
    if given.cookie:
        browser.check_origin()
    return begun(response, browser, accounts.answer(given.challenge, given.code), cookie=given.cookie)


@router.post("/auth/refresh", responses=_REFUSED)
def refresh(
    accounts: Accounts, browser: BrowserDependency, response: Response, given: RefreshToken | None = None
) -> Begun:
    """Exchange a refresh token for a new pair. One that comes a second time ends the whole login."""
    if given is not None and given.refresh_token is not None:
        return begun(response, browser, accounts.refresh(given.refresh_token), cookie=False)
    if browser.refresh_token is None:
        raise Unauthorized("There is no refresh token, in the body or as a cookie. Log in.")
    browser.check(accounts.login_of(browser.refresh_token))
    return begun(response, browser, accounts.refresh(browser.refresh_token), cookie=True)


@router.post("/auth/logout", status_code=status.HTTP_204_NO_CONTENT, responses=documented(CrossSiteRequest))
def logout(
    accounts: Accounts, browser: BrowserDependency, response: Response, given: RefreshToken | None = None
) -> None:
    """End this login, with all tokens that came of it."""
    if given is not None and given.refresh_token is not None:
        accounts.logout(given.refresh_token)
        return
    browser.check_origin()
    if browser.refresh_token is not None:
        with suppress(Unauthorized):  # of a token that nobody knows only the cookie is left
            browser.check(accounts.login_of(browser.refresh_token))
        accounts.logout(browser.refresh_token)
    browser.forget(response)


@router.post("/auth/logout-everywhere", status_code=status.HTTP_204_NO_CONTENT, responses=_KEYED)
def logout_everywhere(
    accounts: Accounts, browser: BrowserDependency, who: Writer, response: Response
) -> None:
    """End all your logins. Keys stay valid."""
    accounts.logout_everywhere(who.user_id)
    if who.login_id is not None:
        browser.forget(response)


@router.post(
    "/auth/link",
    response_model=Begun,
    responses={**documented(Unauthorized, InvalidRequest, CrossSiteRequest), **SECOND_STEP},
)
async def accept_link(
    accounts: Accounts, turns: InTurn, browser: BrowserDependency, given: LinkAnswer, response: Response
) -> Begun | Response:
    """Set a password with the token of a link, and log in. A link is good for one use."""
    if given.cookie:
        browser.check_origin()
    outcome = await turns.run(accounts.accept, given.token, given.password)
    return entered(response, browser, outcome, cookie=given.cookie)


@router.get("/me", responses=_KEYED)
def me(who: Reader) -> Me:
    """Who you are to the server, and what you may do."""
    scopes = [scope for scope in Scope if scope in who.scopes]
    return Me(id=who.user_id, name=who.name, scopes=scopes, key_id=who.key_id)


@router.post(
    "/me/password",
    response_model=Begun,
    responses={**documented(Unauthorized, Forbidden, Conflict, InvalidRequest), **SECOND_STEP},
)
async def change_password(
    accounts: Accounts,
    turns: InTurn,
    limits: Limits,
    request: Request,
    browser: BrowserDependency,
    who: Writer,
    secret: Annotated[Secret, Depends(sent_secret)],
    given: PasswordChange,
    response: Response,
) -> Begun | Response:
    """Set another password. All logins end; the answer begins a new one."""
    logged_in = who.login_id is not None
    async with limits.guess_of_name(request, who.user_id):
        outcome = await turns.run(
            accounts.change_password, who.user_id, given.current, given.new, logged_in=logged_in
        )
    return entered(response, browser, outcome, cookie=secret.from_cookie)
