"""What a login is to a browser: cookies that its scripts cannot read, and one that they must."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response

from tiro.features.accounts.service import LOGIN_LIFE, Tokens
from tiro.features.accounts.tokens import LIFE
from tiro.http import cookies
from tiro.http.browsers import browsers_of


class Browser:
    """The browser that sent a request, if one did."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._browsers = browsers_of(request)

    @property
    def refresh_token(self) -> str | None:
        return cookies.read(self._request, cookies.REFRESH)

    def check_origin(self) -> None:
        """Raises CrossSiteRequest where another site sends this."""
        self._browsers.check_origin(self._request)

    def check(self, login_id: str) -> None:
        """Raises CrossSiteRequest where it is not shown that a page of ours sends this."""
        self._browsers.check(self._request, login_id)

    def csrf_token(self, login_id: str) -> str:
        return self._browsers.csrf_token(login_id)

    def keep(self, response: Response, tokens: Tokens) -> None:
        """Set the cookies of a login."""
        life = int(LOGIN_LIFE.total_seconds())
        token = self.csrf_token(tokens.login_id)
        cookies.put(response, self._request, cookies.ACCESS, tokens.access, seconds=int(LIFE.total_seconds()))
        cookies.put(response, self._request, cookies.REFRESH, tokens.refresh, seconds=life)
        cookies.put(response, self._request, cookies.CSRF, token, seconds=life, for_scripts=True)

    def forget(self, response: Response) -> None:
        cookies.drop(response, self._request, cookies.ACCESS, cookies.REFRESH, cookies.CSRF)


async def _browser(request: Request) -> Browser:
    return Browser(request)


BrowserDependency = Annotated[Browser, Depends(_browser)]
