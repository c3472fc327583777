"""A connection that goes where the guard says. Imported when it is first needed: httpcore takes its time."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from tiro.egress.guard import Guard
from tiro.egress.targets import Target


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked. The name stays what TLS and ``Host`` speak of."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the port's own signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._guard.admit(host):
            try:
                return await self._plain.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure


def connection(target: Target, guard: Guard) -> httpcore.AsyncHTTPConnection:
    """For one request. No proxy of the environment is asked, for it would resolve the name anew."""
    secure = target.scheme == "https"
    return httpcore.AsyncHTTPConnection(
        httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port),
        ssl_context=_trusted() if secure else None,
        network_backend=_GuardedNetwork(guard),
    )


def url_of(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path
    )


FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""All that a connection may end of."""


def reason(error: BaseException) -> str:
    """What went wrong, for a person; no addresses, since they may be the operator's own affair."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message.rstrip('.')}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'unknown reason'}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.TimeoutException):
        return "it did not answer in time"
    if isinstance(error, httpcore.ConnectError):
        return "it takes no connection"
    if isinstance(error, httpcore.ProtocolError):
        return "its answer is not HTTP, or broke off"
    return "it broke the connection off"


_trusted = functools.cache(httpx.create_ssl_context)
"""The certificates that are trusted; reading them takes longer than all else."""
