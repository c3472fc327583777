"""Log in at the identity provider: `/api/v1/auth/oidc`, `/api/v1/me/identities`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from tiro.errors import (
    Conflict,
    Forbidden,
    IdentityProviderAway,
    IdentityRefused,
    IdentityUnknown,
    InvalidRequest,
    NotFound,
    TiroError,
    Unauthorized,
)
from tiro.features.accounts.browser import BrowserDependency
from tiro.features.accounts.dependencies import Accounts, InTurn, LoggedIn
from tiro.features.accounts.identities import attempts
from tiro.features.accounts.identities.service import IdentityService, Return
from tiro.features.keys.dependencies import ADMIN, Reader
from tiro.http import cookies
from tiro.http.problems import documented, landing

router = APIRouter(prefix="/api/v1", tags=["account"])

_COOKIE = "tiro-oidc"
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_PAGE: dict[str, Any] = {"pattern": f"^{_LOCAL.pattern}$"}
"""A page of this server, whatever a browser makes of it."""


async def _service(request: Request) -> IdentityService:
    return cast(IdentityService, request.app.state.runtime.identities)


Service = Annotated[IdentityService, Depends(_service)]
_TO = "Page of this server to open in the end; by default the app, or `/docs` where it is not built."
To = Annotated[str | None, Query(max_length=1000, description=_TO, json_schema_extra=_PAGE)]


class Methods(BaseModel):
    """The ways to log in."""

    password: bool = True
    oidc: str | None = Field(description="The identity provider for `/auth/oidc/login`, where there is one.")


class LinkWish(BaseModel):
    password: str = Field("", max_length=5000, description="Yours, where you have one.")
    to: str | None = Field(None, max_length=1000, description=_TO, json_schema_extra=_PAGE)


class LinkAddress(BaseModel):
    address: str = Field(description="Where the browser that asked goes now.")


class Identity(BaseModel):
    issuer: str
    subject: str
    created_at: datetime


class Identities(BaseModel):
    items: list[Identity]


@router.get("/auth/methods")
async def methods(service: Service) -> Methods:
    """How one can log in here."""
    return Methods(oidc=service.issuer)


@router.get(
    "/auth/oidc/login",
    status_code=status.HTTP_302_FOUND,
    response_class=RedirectResponse,
    responses=documented(NotFound, InvalidRequest, IdentityProviderAway),
)
async def login(request: Request, service: Service, to: To = None) -> Response:
    """Open this page in a browser to log in at the identity provider. Where that cannot be, the browser is
    led to the sign-in page, which says why; a program gets the problem."""
    wanted = _checked(request, to)
    try:
        address, cookie = await service.begin(_back(request), to=wanted)
    except TiroError as error:
        return landing(request, error)
    answer = RedirectResponse(address, status.HTTP_302_FOUND)
    _carry(answer, request, cookie)
    return answer


@router.get(
    "/auth/oidc/callback",
    name="oidc_callback",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses=documented(
        NotFound, IdentityRefused, IdentityUnknown, Forbidden, Conflict, IdentityProviderAway
    ),
)
async def callback(
    request: Request,
    service: Service,
    browser: BrowserDependency,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str | None, Query(max_length=5000, pattern="^[ -~]*$")] = None,
    error: Annotated[str | None, Query(max_length=500)] = None,
    iss: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """Where the identity provider sends the browser back. Sets the cookies of a login. One that is refused
    leads to the sign-in page, which says why; a program gets the problem."""
    back = Return(state=state, code=code, error=error, issuer=iss)
    try:
        arrival = await service.finish(_back(request), cookies.read(request, _COOKIE), back)
    except TiroError as refusal:
        return landing(request, refusal)
    answer = RedirectResponse(arrival.to, status.HTTP_303_SEE_OTHER)
    cookies.drop(answer, request, _COOKIE)
    if arrival.tokens is not None:
        browser.keep(answer, arrival.tokens)
    return answer


@router.get("/me/identities", responses=documented(Unauthorized, Forbidden))
def list_identities(service: Service, who: Reader) -> Identities:
    """How identity providers know you."""
    return Identities(
        items=[
            Identity(issuer=row.issuer, subject=row.subject, created_at=row.created_at)
            for row in service.of_user(who.user_id)
        ]
    )


@router.post(
    "/me/identities",
    responses=documented(Unauthorized, Forbidden, NotFound, InvalidRequest, IdentityProviderAway),
)
async def link_identity(
    request: Request,
    response: Response,
    service: Service,
    accounts: Accounts,
    turns: InTurn,
    who: LoggedIn,
    given: LinkWish,
) -> LinkAddress:
    """Begin to link an identity to you: whoever logs in as it at the provider is you from then on."""
    await turns.run(accounts.prove, who.user_id, given.password)
    address, cookie = await service.begin(_back(request), to=_checked(request, given.to), link=who.user_id)
    _carry(response, request, cookie)
    return LinkAddress(address=address)


@router.delete(
    "/me/identities",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(Unauthorized, Forbidden, Conflict),
)
def unlink_identities(service: Service, who: LoggedIn) -> None:
    """Be known by no identity any more; your password remains."""
    service.unlink_own(who.user_id)


@router.delete(
    "/users/{user_id}/identities",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[ADMIN],
    tags=["users"],
    responses=documented(Unauthorized, Forbidden, NotFound),
)
def unlink_user(service: Service, user_id: str) -> None:
    """Nobody logs in as this user at the identity provider any more. Their logins end."""
    service.unlink(user_id)


def _back(request: Request) -> str:
    return str(request.url_for("oidc_callback"))


def _checked(request: Request, to: str | None) -> str:
    if to is None:
        return str(request.app.state.home)
    if not _LOCAL.fullmatch(to):
        raise InvalidRequest("`to` must be a page of this server, such as /docs.")
    return to


def _carry(response: Response, request: Request, cookie: str) -> None:
    cookies.put(response, request, _COOKIE, cookie, seconds=int(attempts.LIFE.total_seconds()))
