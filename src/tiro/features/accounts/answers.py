"""What the routes answer with which somebody logs in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from tiro.features.accounts.browser import Browser
from tiro.features.accounts.service import Challenge, Tokens
from tiro.features.accounts.tokens import LIFE
from tiro.kit import clock

_SECONDS = int(LIFE.total_seconds())


class TokenPair(BaseModel):
    """As OAuth 2.0 names them."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (a kind, not a secret)
    expires_in: int = Field(description="Seconds that the access token is valid.")
    refresh_token: str = Field(description="Exchange it once, before or after that, for the next pair.")


class BrowserLogin(BaseModel):
    """The tokens are in cookies, out of the reach of scripts."""

    csrf_token: str = Field(description="Goes into the header `X-CSRF-Token`. `tiro-csrf` holds it too.")
    expires_in: int = Field(description="Seconds after which `/auth/refresh` is due.")


class SecondStep(BaseModel):
    """The password was right, and a code of the second factor is asked for."""

    challenge: str = Field(description="For `/auth/second-factor`, with the code.")
    expires_in: int = Field(description="Seconds in which the code must come.")


Begun = TokenPair | BrowserLogin
SECOND_STEP: dict[int | str, dict[str, Any]] = {
    status.HTTP_202_ACCEPTED: {"model": SecondStep, "description": SecondStep.__doc__}
}


def begun(response: Response, browser: Browser, tokens: Tokens, *, cookie: bool) -> Begun:
    """The tokens, in the body or as cookies."""
    if cookie:
        browser.keep(response, tokens)
        return BrowserLogin(csrf_token=browser.csrf_token(tokens.login_id), expires_in=_SECONDS)
    return TokenPair(access_token=tokens.access, expires_in=_SECONDS, refresh_token=tokens.refresh)


def entered(
    response: Response, browser: Browser, outcome: Tokens | Challenge, *, cookie: bool
) -> Begun | Response:
    """As ``begun``, where a second step may be due first."""
    if isinstance(outcome, Tokens):
        return begun(response, browser, outcome, cookie=cookie)
    body = SecondStep(challenge=outcome.token, expires_in=_until(outcome.ends))
    return JSONResponse(body.model_dump(), status_code=status.HTTP_202_ACCEPTED)


def _until(moment: datetime) -> int:
    return round((moment - clock.now()).total_seconds())
