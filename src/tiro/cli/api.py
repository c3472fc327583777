"""`tiro api`: HTTP alone, for several machines."""

from __future__ import annotations

from typing import Annotated

import typer

from tiro import logs
from tiro.cli.serve import listen, run_server
from tiro.settings import Settings


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Run the HTTP API alone: jobs are for `tiro worker`, and what is done regularly is for `tiro beat`.

    As many as like may run. All need the same database, broker and storage, and one TIRO_AUTH_SECRET."""
    from tiro.bootstrap.roles import Role

    settings = Settings()
    logs.configure(settings.log.level, settings.log.format)
    with listen(host or settings.http.host, settings.http.port if port is None else port) as listener:
        run_server(settings, listener, Role.API)
