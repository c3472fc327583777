"""`tiro serve`: the server, in one process."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiro import logs
from tiro.errors import AddressInUse, Unauthorized
from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.bootstrap.roles import Role
    from tiro.features.keys.service import KeyService


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Transcribe the sample call first, and show it.")
    ] = False,
) -> None:
    """Run the server: HTTP API and jobs in one process.

    Ctrl-C stops it; work that is under way goes on at the next start."""
    settings = Settings()
    quiet = demo and "TIRO_LOG_LEVEL" not in os.environ
    logs.configure("warning" if quiet else settings.log.level, settings.log.format)
    with listen(host or settings.http.host, settings.http.port if port is None else port) as listener:
        run_server(settings, listener, demo=demo)


def run_server(
    settings: Settings, listener: socket.socket, role: Role | None = None, *, demo: bool = False
) -> None:
    """Serve until a signal comes.

    Args:
        role: all in one, or the API alone.
    """
    from tiro.api.server import Server
    from tiro.bootstrap.data import lock_data_folder
    from tiro.bootstrap.metrics import sources_of
    from tiro.bootstrap.roles import Role
    from tiro.bootstrap.server import build_runtime
    from tiro.bootstrap.telemetry import watched
    from tiro.cli.welcome import welcome
    from tiro.features.accounts import links

    role = role or Role.ALL
    alone = role is Role.ALL and not settings.clustered
    lock = lock_data_folder(settings, shared=not alone)
    runtime = build_runtime(settings, role)
    try:
        if alone:
            runtime.recover()
        key = _local_key(runtime.keys, settings.data / "key", wanted=demo)
        server = Server(runtime)
        address = _address(listener)
        setup = runtime.accounts.setup_link()
        link = None if setup is None else links.address(address, setup)

        async def run() -> None:
            greeting = asyncio.create_task(welcome(server, address, key, link, settings.data, demo=demo))
            try:
                await server.serve(sockets=[listener])
            finally:
                greeting.cancel()

        with watched(settings, "serve" if role is Role.ALL else "api", sources_of(runtime)):
            asyncio.run(run())
    finally:
        runtime.close()
        lock.release()


def listen(host: str, port: int) -> socket.socket:
    """Bind at once, so that a taken port is said before anything else is done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, the event loop sees that it is TCP and turns Nagle's algorithm off; else an
    # answer's body waits 40 ms for the acknowledgement of its headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as err:
        listener.close()
        if err.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"Another program listens on {host}:{port}. Stop it, or choose another port with --port."
            ) from err
        raise AddressInUse(f"Cannot listen on {host}:{port}: {err.strerror}.") from err
    listener.listen(2048)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (shown, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _local_key(keys: KeyService, path: Path, *, wanted: bool) -> str | None:
    """The key of this machine's owner, kept in a file that only they can read.

    Made at the first start. Where the file is gone or its key was revoked, a new one is made only if it is
    ``wanted``: an operator who revoked it meant it.
    """
    with suppress(Unauthorized, OSError):
        secret = path.read_text().strip()
        keys.authenticate(secret)
        return secret
    made = keys.create("owner") if wanted else keys.create_first("owner")
    if made is None:
        return None
    _, secret = made
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    print(f"tiro: made an API key; it is kept in {path}", file=sys.stderr)
    return secret
