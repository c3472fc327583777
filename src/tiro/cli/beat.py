"""`tiro beat`: what is done regularly, and webhooks."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import typer

from tiro import logs
from tiro.cli.signals import on_signals
from tiro.settings import Settings


def beat() -> None:
    """Do what is to be done regularly, such as retention, and send webhooks.

    Several may run: each thing is done once, by whichever comes first."""
    from tiro.bootstrap.data import lock_data_folder
    from tiro.bootstrap.roles import Role
    from tiro.bootstrap.server import Runtime, build_runtime

    settings = Settings()
    logs.configure(settings.log.level, settings.log.format)
    lock = lock_data_folder(settings, shared=True)

    async def run(runtime: Runtime) -> None:
        work = asyncio.gather(runtime.beat.run(), runtime.sender.run())
        on_signals(work.cancel)
        typer.echo("tiro beat: at work", err=True)
        with suppress(asyncio.CancelledError):
            await work

    try:
        runtime = build_runtime(settings, Role.BEAT)
        try:
            asyncio.run(run(runtime))
        finally:
            runtime.close()
    finally:
        lock.release()
