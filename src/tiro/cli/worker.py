"""`tiro worker`: jobs, without HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from tiro import logs
from tiro.cli.signals import on_signals
from tiro.errors import StorageUnavailable
from tiro.settings import Settings


def worker(
    queues: Annotated[
        str | None,
        typer.Option(
            help="Queues to take jobs from, of gpu, cpu, remote and llm, separated by commas; by default all "
            "but gpu, and gpu where there is one."
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Jobs at once; by default TIRO_JOBS_PARALLEL.")
    ] = None,
) -> None:
    """Do jobs. As many as like may run, on as many machines.

    Ctrl-C or SIGTERM gives the jobs that are under way back within seconds; they go on after the last window
    that is recorded."""
    from tiro.bootstrap.data import lock_data_folder
    from tiro.bootstrap.metrics import sources_of
    from tiro.bootstrap.roles import Role, queues_named
    from tiro.bootstrap.server import Runtime, build_consumer, build_runtime
    from tiro.bootstrap.telemetry import watched

    settings = Settings()
    logs.configure(settings.log.level, settings.log.format)
    named = queues_named(queues) if queues is not None else None
    lock = lock_data_folder(settings, shared=True)

    async def run(runtime: Runtime) -> None:
        on_signals(runtime.runner.stop)
        runtime.speech.decoders.warm()
        with suppress(StorageUnavailable):  # the log has it; the store may come, as it may go
            await asyncio.to_thread(runtime.storage_watch.look)
        consumer = build_consumer(runtime)
        me = runtime.runner.jobs.worker
        engines = "" if me.engines is None else f"; engines {', '.join(me.engines) or 'none'}"
        typer.echo(f"tiro worker {me.id}: {', '.join(me.queues)}; {me.slots} jobs at once{engines}", err=True)
        if consumer is not None:
            consumer.start()
        await runtime.runner.run()
        if consumer is not None:
            await asyncio.to_thread(consumer.stop)

    try:
        runtime = build_runtime(settings, Role.WORKER, queues=named, slots=concurrency)
        try:
            with watched(settings, "worker", sources_of(runtime)):
                asyncio.run(run(runtime))
        finally:
            runtime.close()
    finally:
        lock.release()
