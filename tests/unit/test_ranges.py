"""Answers with a file let go of it, however they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from tiro.http.ranges import file_response


async def _asks() -> Message:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


async def _leaves() -> Message:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
def test_a_player_that_goes_away_leaves_no_file_open(tmp_path: Path, spec: str) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(bytes(2_000_000))
    file = path.open("rb")
    response = file_response(file, range_header="bytes=0-", media_type="audio/wav", filename="long.wav")
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 2:
            if spec == "2.4":
                raise OSError  # how a server says it that keeps to this version
            await asyncio.sleep(60)

    scope = {"type": "http", "method": "GET", "asgi": {"spec_version": spec}}
    receive = _asks if spec == "2.4" else _leaves
    if spec == "2.4":
        with pytest.raises(ClientDisconnect):
            asyncio.run(response(scope, receive, send))
    else:
        asyncio.run(response(scope, receive, send))
    assert file.closed
