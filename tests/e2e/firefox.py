"""Debian's Firefox, as Playwright starts it: a program that runs Firefox and stands between the two.

Playwright speaks WebDriver BiDi with any Firefox, and asks of it what only the newest can. What an older one
does not know how to emulate (which colours a person likes) is left as it is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

PROGRAM = shutil.which("firefox") or shutil.which("firefox-esr")
_PREFERENCES: dict[str, str | float | bool] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.volume_scale": "0.0",
}
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


@contextmanager
def firefox() -> Iterator[Browser]:
    """With a microphone that hears a tone."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        program = Path(folder) / "firefox"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        browser = playwright.firefox.launch(
            channel="moz-firefox", executable_path=program, firefox_user_prefs=_PREFERENCES
        )
        try:
            yield browser
        finally:
            browser.close()


async def _run(arguments: list[str]) -> int:
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        async for line in process.stderr:
            if found := _LISTENING.search(line.decode(errors="replace")):
                group.create_task(_stand_between(found[1], process))
            else:
                os.write(2, line)
    return await process.wait()


async def _stand_between(address: str, process: asyncio.subprocess.Process) -> None:
    async def talk(client: ServerConnection) -> None:
        async with connect(f"{address}/session", max_size=None, compression=None) as browser:
            tolerated: set[int] = set()
            down = asyncio.create_task(_answers(browser, client, tolerated))
            async for message in client:
                command = json.loads(message)
                if str(command["method"]).startswith("emulation."):
                    tolerated.add(command["id"])
                await browser.send(message)
            down.cancel()

    async with serve(talk, "127.0.0.1", 0, max_size=None, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        os.write(2, f"WebDriver BiDi listening on ws://127.0.0.1:{port}\n".encode())
        await process.wait()


async def _answers(browser: ClientConnection, client: ServerConnection, tolerated: set[int]) -> None:
    async for message in browser:
        answer: dict[str, Any] = json.loads(message)
        if answer.get("error") == "unknown command" and answer["id"] in tolerated:
            answer = {"type": "success", "id": answer["id"], "result": {}}
        await client.send(json.dumps(answer))


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(sys.argv[1:])))
