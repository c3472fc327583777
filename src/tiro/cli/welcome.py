"""What the server says when it is up: where it listens, with what key, and, for the demo, what it can do."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from tiro.api import webapp
from tiro.speech.clock import clock_time

if TYPE_CHECKING:
    import uvicorn

SAMPLE = files("tiro") / "samples" / "support-call.flac"
_COLOURS = {"left": "cyan", "right": "magenta"}


async def welcome(
    server: uvicorn.Server, address: str, key: str | None, link: str | None, data: Path, *, demo: bool
) -> None:
    """Wait until the server is up, then greet. ``link`` sets the first password, where nobody has one."""
    while not server.started:
        if server.should_exit:
            return
        await asyncio.sleep(0.02)
    console = Console(highlight=False, soft_wrap=True)
    if demo and key is not None:
        try:
            await _demonstrate(console, address, key)
        except httpx.HTTPError as error:
            console.print(f"The sample call could not be transcribed: {error}", style="red")
    console.print(f"\n[bold]Tiro listens on[/] {address}    documentation: {address}/docs")
    if webapp.is_built():
        console.print(f"Open {address} in a browser for the web app.")
    console.print(f"data: {data}")
    if key is None:
        console.print("Make an API key with: tiro keys create")
    elif demo or sys.stdout.isatty():
        console.print(f"API key: [bold]{key}[/]\n\nTry it:")
        with as_file(SAMPLE) as sample:
            print(
                f'  curl -H "Authorization: Bearer {key}" -F "audio=@{sample}" '
                f'"{address}/api/v1/transcribe?wait=60"'
            )
        console.print(f"\nA file without the server: {sys.argv[0]} transcribe FILE")
        console.print("Ctrl-C stops the server; work that is under way goes on at the next start.")
    if link is not None:
        console.print(f"To sign in with a password, set yours first: {link}")
    sys.stdout.flush()


async def _demonstrate(console: Console, address: str, key: str) -> None:
    """Send the sample call through the server's own door and show the text as it comes."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120, trust_env=False) as client:
        sample = await asyncio.to_thread(SAMPLE.read_bytes)
        answer = await client.post(
            "/api/v1/transcribe",
            files={"audio": (SAMPLE.name, sample)},
            data={"engine": "pocketsphinx", "title": "The sample call"},
            headers={"Idempotency-Key": f"demo-{hashlib.sha256(sample).hexdigest()[:16]}"},
        )
        answer.raise_for_status()
        session = answer.json()
        console.print(Rule("the sample call, as this server hears it", style="dim"))
        async with client.stream("GET", session["links"]["events"]) as events:
            async for kind, data in _events(events):
                if kind == "segment":
                    _show(console, data)
                elif kind == "state" and data.get("error"):
                    console.print(data["error"]["message"], style="red")
        result = (await client.get(session["links"]["self"])).json()
    metadata = result["metadata"]
    if metadata["duration"]:
        speed = metadata["duration"] / max(metadata["processing_time"], 1e-3)
        console.print(
            Text(
                f"{metadata['duration']:.0f} s of audio in {metadata['processing_time']:.1f} s "
                f"({speed:.1f}x) with {metadata['engine']}",
                style="dim",
            )
        )
    for notice in metadata["notices"]:
        console.print(Text(notice["message"], style="yellow"))
    console.print(Rule(style="dim"))


async def _events(response: httpx.Response) -> Any:
    """The server-sent events of a response: type and data."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "data" in fields:
            yield fields.get("event", "message"), json.loads(fields["data"])
            fields = {}


def _show(console: Console, segment: dict[str, Any]) -> None:
    speaker = segment["speaker"] or ""
    console.print(
        Text.assemble(
            (f"{clock_time(segment['start_time']):>5}  ", "dim"),
            (f"{speaker:>5}  ", _COLOURS.get(speaker, "bold")),
            segment["text"],
        )
    )
