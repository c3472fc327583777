"""Live events: everything, in order, once, also after a reconnect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.makecall import wav
from tests.serving import Client, ThreadServer

SPEECH = wav(seconds=40)


def follow(client: Client, session_id: str, after: int | None = None) -> Iterator[tuple[int, str, Any]]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", f"/api/v1/transcribe/{session_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


def test_the_whole_story_live(server: ThreadServer) -> None:
    session_id = server.client.send_file("call.wav", SPEECH, engine="echo:0.02").json()["session_id"]
    story = list(follow(server.client, session_id))
    kinds = [kind for _, kind, _ in story]
    assert kinds[0] == "state"
    assert {"state", "stage", "media", "layout", "progress", "segment"} <= set(kinds)
    states = [data["status"] for _, kind, data in story if kind == "state"]
    assert states == ["queued", "running", "completed"]
    numbers = [number for number, _, _ in story]
    assert numbers == sorted(set(numbers))
    result = server.client.session(session_id)
    told = [data for _, kind, data in story if kind == "segment"]
    assert [segment["position"] for segment in told] == list(range(len(told)))
    assert [segment["text"] for segment in told] == [
        segment["text"] for segment in result["transcript"]["segments"]
    ]


def test_a_reconnecting_client_misses_nothing(server: ThreadServer) -> None:
    session_id = server.client.send_file("call.wav", SPEECH, engine="echo:0.05").json()["session_id"]
    seen: list[tuple[int, str, Any]] = []
    while not seen or seen[-1][2].get("status") != "completed":
        for event in follow(server.client, session_id, after=seen[-1][0] if seen else None):
            seen.append(event)
            if len(seen) % 3 == 0:
                break
    assert seen == list(follow(server.client, session_id))


def test_segments_come_before_the_file_is_done(server: ThreadServer) -> None:
    session_id = server.client.send_file("call.wav", SPEECH, engine="echo:0.2").json()["session_id"]
    for _, kind, _ in follow(server.client, session_id):
        if kind == "segment":
            session = server.client.session(session_id)
            assert session["status"] == "running"
            assert session["transcript"]["segments"]
            break
    else:
        raise AssertionError("no segment came")
    server.client.post(f"/api/v1/transcribe/{session_id}/cancel")
