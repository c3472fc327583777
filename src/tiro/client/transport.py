"""Requests to a Tiro server: tried again where that is safe, refused with Tiro's own errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tiro.errors import (
    InvalidRequest,
    NotFound,
    RequestUnderWay,
    ServerUnreachable,
    TiroError,
    Unauthorized,
    error_for_code,
)

_SAFE = frozenset({"GET", "DELETE"})
_PASSING = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_CONNECT_SECONDS = 10.0


class Transport:
    """One server.

    Args:
        url: its address, such as ``http://127.0.0.1:8000``.
        timeout: seconds of silence after which an answer counts as lost.
        retries: further tries of a request that may be sent twice without harm.
        http: a client to send with, which stays the caller's; its settings then hold.
    """

    def __init__(
        self, url: str, key: str | None, *, timeout: float, retries: int, http: httpx.Client | None
    ) -> None:
        self.url = _checked(url)
        if key and not (key := key.strip()).isascii():
            raise Unauthorized
        self.retries = retries
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = http or httpx.Client(timeout=httpx.Timeout(timeout, connect=_CONNECT_SECONDS))
        self._own = http is None

    def close(self) -> None:
        if self._own:
            self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        safe: bool | None = None,
        before: Callable[[], object] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Send a request and read the answer.

        Args:
            safe: whether it may be sent twice; by default what the method says.
            before: called before each try.

        Raises:
            TiroError: what the server refused it with; or ServerUnreachable.
        """
        headers = self._headers | request.pop("headers", {})
        tries = 1 + (self.retries if (method in _SAFE if safe is None else safe) else 0)
        lost = False
        for left in reversed(range(tries)):
            if before is not None:
                before()
            try:
                answer = self._http.request(method, self.url + path, headers=headers, **request)
            except httpx.TransportError as err:
                lost = True
                if not left:
                    raise self.unreachable(err) from err
                pause(tries - left - 1, None)
                continue
            if answer.is_success:
                return answer
            error = self._error(answer)
            if method == "DELETE" and lost and isinstance(error, NotFound):
                return answer  # the answer that was lost had said that it is gone
            if not left or not _passes(answer.status_code, error):
                raise error
            pause(tries - left - 1, error.retry_after)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(
        self, path: str, headers: dict[str, str], silence: float | None = None
    ) -> Iterator[httpx.Response]:
        """One try of a GET whose answer is read as it comes.

        Raises:
            TiroError: what the server refused it with.
            httpx.TransportError: also while the answer is read.
        """
        usual = self._http.timeout
        timeout = usual if silence is None else httpx.Timeout(silence, connect=_CONNECT_SECONDS)
        with self._http.stream(
            "GET", self.url + path, headers=self._headers | headers, timeout=timeout
        ) as answer:
            if not answer.is_success:
                answer.read()
                raise self._error(answer)
            yield answer

    def unreachable(self, err: httpx.TransportError) -> ServerUnreachable:
        reason = str(err) or type(err).__name__
        return ServerUnreachable(f"The server at {self.url} cannot be reached: {reason}.")

    def _error(self, answer: httpx.Response) -> TiroError:
        """What the server said, by its code; of an answer that is not Tiro's, what can be told of it."""
        after = answer.headers.get("retry-after", "")
        retry_after = float(after) if after.isdecimal() else None
        try:
            problem = answer.json()
            return error_for_code(problem["code"], problem["detail"], retry_after=retry_after)
        except (ValueError, KeyError, TypeError):
            return ServerUnreachable(
                f"{self.url} answered {answer.status_code}, and not as a Tiro server does. "
                "Check the address.",
                retry_after=retry_after,
            )


def _checked(url: str) -> str:
    """The address without a slash at its end; raises InvalidRequest where it is none."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as err:
        raise InvalidRequest(f"'{url}' is no address of a server: {err}.") from err
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidRequest(f"'{url}' is no address of a server. One looks like http://127.0.0.1:8000")
    return url.rstrip("/")


def _passes(status: int, error: TiroError) -> bool:
    if isinstance(error, RequestUnderWay):
        return True
    return status in _PASSING and (error.transient or error.code == "internal")


def pause(done: int, retry_after: float | None) -> None:
    """Wait before another try, after ``done`` of them and the first."""
    seconds = _FIRST_PAUSE * 2.0**done if retry_after is None else retry_after
    time.sleep(min(seconds, _LONGEST_PAUSE))


def server_sent_events(lines: Iterator[str]) -> Iterator[tuple[str, str, Any]]:
    """Name, id and data of each event."""
    name, number, data = "message", "", list[str]()
    for line in lines:
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "id":
                number = value
            elif field == "data":
                data.append(value)
            continue
        if data:
            yield name, number, json.loads("\n".join(data))
        name, data = "message", []


Report = Callable[[int, int], None]


class Counted:
    """A file that tells how much of it was read: bytes done, and in all."""

    def __init__(self, file: Any, report: Report | None) -> None:
        self._file = file
        self._report = report
        self._size = file.seek(0, 2)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        if self._report is not None and data:
            self._report(self._file.tell(), self._size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())
