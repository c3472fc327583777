"""One upload to a remote speech server, tried until it is answered, refused, or enough is enough."""

from __future__ import annotations

import asyncio
import functools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from tiro.engines.base import RemoteOptions
from tiro.errors import (
    QuotaExceeded,
    RemoteBusy,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    TiroError,
)
from tiro.kit.headers import retry_after

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes. Ten minutes of speech with all its words are about half a megabyte."""

Form = Mapping[str, str | Sequence[str]]

_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one upload is tried for.

    Attributes:
        tries: most tries.
        first_wait, longest_wait: seconds between tries; each wait is twice the one before, less up to half
            of it by chance, so that many callers do not come back at once. ``Retry-After`` goes first.
        total: seconds for all tries and waits together.
    """

    tries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 8.0
    total: float = 300.0

    def wait(self, tried: int) -> float:
        longest = min(self.longest_wait, self.first_wait * 2.0 ** (tried - 1))
        return longest * random.SystemRandom().uniform(0.5, 1.0)


class Refusal(Exception):
    """The server understood and said no (a status from 400 to 499). What that means the caller knows.

    ``words`` is the server's message for a person, ``text`` its whole answer in lower case.
    """

    def __init__(self, status: int, words: str, code: str, param: str, text: str) -> None:
        self.status = status
        self.words = words
        self.code = code
        self.param = param
        self.text = text
        super().__init__(words)


class _Again(Exception):
    """This try failed, the next may not. ``after``: the seconds that the server asks for."""

    def __init__(self, error: TiroError, after: float | None = None) -> None:
        self.error = error
        self.after = after
        super().__init__(error.message)


class Client:
    """Speaks to one server, over connections that are kept. Belongs to one event loop."""

    def __init__(self, remote: RemoteOptions, patience: Patience | None = None) -> None:
        assert remote.url is not None
        self.server = httpx.URL(remote.url).netloc.decode()
        self._key = remote.key
        self._answer_seconds = remote.answer_seconds
        self._patience = patience or Patience(total=max(Patience().total, remote.answer_seconds))
        self._http = httpx.AsyncClient(
            base_url=remote.url + "/",
            headers={"Authorization": f"Bearer {remote.key}"} if remote.key else {},
            timeout=httpx.Timeout(remote.answer_seconds, connect=remote.connect_seconds),
            verify=_trusted(),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, path: str, form: Form, name: str, audio: bytes) -> bytes:
        """Upload ``audio`` as the file ``name`` and return the body of the answer.

        Cancelling the task closes the connection.

        Raises:
            RemoteUnavailable, RemoteBusy: all tries failed; ``retry_after`` where the server gave one.
            RemoteUnauthorized, QuotaExceeded, RemoteRefused, RemoteNonsense: trying again is of no use.
            Refusal
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience.total
        tried = 0
        while True:
            tried += 1
            limit = min(self._answer_seconds, deadline - clock())
            try:
                return await self._try(path, form, (name, audio), limit)
            except _Again as again:
                wait = self._patience.wait(tried) if again.after is None else again.after
                if tried >= self._patience.tries or clock() + wait >= deadline:
                    raise again.error from again
                await asyncio.sleep(wait)

    async def _try(self, path: str, form: Form, file: tuple[str, bytes], limit: float) -> bytes:
        try:
            # httpx only limits the pause between two bytes: a server that drips would never end.
            async with asyncio.timeout(limit):
                return await self._send(path, form, file)
        except (TimeoutError, httpx.TimeoutException) as err:
            raise _Again(self._unavailable("it did not answer in time")) from err
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as err:
            raise _Again(self._unavailable(self._redacted(str(err)) or type(err).__name__)) from err
        except httpx.DecodingError as err:
            raise RemoteNonsense(f"{RemoteNonsense.default} (Its compression is broken.)") from err
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            raise RemoteRefused(f"{RemoteRefused.default} ({type(err).__name__})") from err

    async def _send(self, path: str, form: Form, file: tuple[str, bytes]) -> bytes:
        name, audio = file
        sending = self._http.stream("POST", path, data=dict(form), files={"file": (name, audio, _kind(name))})
        async with sending as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise RemoteNonsense(f"{RemoteNonsense.default} (It sent more than 8 MB.)")
        if not response.is_success:
            self._refuse(response.status_code, response.headers, bytes(body))
        return bytes(body)

    def _refuse(self, status: int, headers: httpx.Headers, body: bytes) -> NoReturn:
        text = self._redacted(body[:20_000].decode(errors="replace"))
        # Once more: JSON may have written the key in escapes.
        words, code, param = (self._redacted(item) for item in _explained(text))
        told = f" ({self.server}: {status}{' ' + words if words else ''})"
        if status == 402 or code in _QUOTA:
            raise QuotaExceeded(QuotaExceeded.default + told)
        if status in (401, 403):
            raise RemoteUnauthorized(RemoteUnauthorized.default + told)
        after = retry_after(headers.get("retry-after"), lambda: datetime.now(UTC))
        if status == 429:
            raise _Again(RemoteBusy(RemoteBusy.default + told, retry_after=after), after)
        if status in (408, 409) or (status >= 500 and status != 501):
            raise _Again(RemoteUnavailable(RemoteUnavailable.default + told, retry_after=after), after)
        if status < 400:
            raise RemoteRefused(f"{RemoteRefused.default} ({self.server}: {status}, it sends us elsewhere)")
        raise Refusal(status, words, code, param, text.lower())

    def _unavailable(self, why: str) -> RemoteUnavailable:
        return RemoteUnavailable(f"{RemoteUnavailable.default} ({self.server}: {why})")

    def _redacted(self, text: str) -> str:
        """A server may say our key back to us."""
        return text.replace(self._key, "[key]") if self._key else text


_trusted = functools.cache(httpx.create_ssl_context)
"""The certificates that are trusted; reading them takes longer than all else that a client does first."""


def _kind(name: str) -> str:
    return f"audio/{name.rpartition('.')[2]}"


def _explained(text: str) -> tuple[str, str, str]:
    """An error's message on one line, its code (or type) and the field it is about; "" for each not said."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        # A page for a browser tells a person nothing here.
        return ("" if "<" in text else _line(text)), "", ""
    error = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(error, dict):
        return _line(error if isinstance(error, str) else ""), "", ""
    message = error.get("message") or error.get("detail")
    if message is not None and not isinstance(message, str):
        message = json.dumps(message)
    code, kind = str(error.get("code") or ""), str(error.get("type") or "")
    code = kind if kind in _QUOTA else code or kind
    return _line(message or ""), _line(code), _line(str(error.get("param") or ""))


def _line(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text[:2000])
    plain = " ".join(plain.split())
    return plain if len(plain) <= 300 else plain[:299] + "…"
