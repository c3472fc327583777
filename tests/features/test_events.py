"""Live events: everything, in order, once, also after a reconnect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
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
    assert story.pop()[1:] == ("end", {"status": "completed"})
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
    assert lasting(seen) == lasting(list(follow(server.client, session_id)))


def lasting(story: list[tuple[int, str, Any]]) -> list[tuple[int, str, Any]]:
    """What stays in the log once the job has ended."""
    return [event for event in story if event[1] not in {"progress", "end"}]


def test_who_has_seen_the_end_is_sent_away_for_good(server: ThreadServer) -> None:
    session_id = server.client.send_file("call.wav", SPEECH, engine="echo", wait=30).json()["session_id"]
    address = f"/api/v1/transcribe/{session_id}/events"
    last, kind, _ = list(follow(server.client, session_id))[-1]
    assert kind == "end"
    again = server.client.get(address, headers={"Last-Event-ID": str(last)})
    assert (again.status_code, again.content) == (204, b"")
    assert server.client.get(address, params={"after": last}).status_code == 204
    # One that has not seen it all is told the rest.
    [rest, end] = follow(server.client, session_id, after=last - 1)
    assert (rest[0], rest[1], end[1]) == (last, "state", "end")
    # A retry goes on in the same log, for those who come back too.
    assert server.client.post(f"/api/v1/transcribe/{session_id}/retry").status_code == 202
    retold = list(follow(server.client, session_id, after=last))
    assert [data["status"] for _, kind, data in retold if kind == "state"] == [
        "queued",
        "running",
        "completed",
    ]
    assert retold[-1][1] == "end"


@pytest.mark.parametrize(("end", "seconds"), [("completed", 40), ("cancelled", 400)])
def test_progress_does_not_outlive_the_job(server: ThreadServer, end: str, seconds: float) -> None:
    session_id = server.client.send_file("call.wav", wav(seconds), engine="echo:0.06").json()["session_id"]
    live = []
    for event in follow(server.client, session_id):
        live.append(event)
        if sum(kind == "progress" for _, kind, _ in live) == 2:
            break
    if end == "cancelled":
        server.client.post(f"/api/v1/transcribe/{session_id}/cancel")
    assert server.client.until_ended(session_id)["status"] == end
    kept = list(follow(server.client, session_id))
    assert sum(kind == "progress" for _, kind, _ in kept) == 1
    assert [event for event in lasting(live) if event not in kept] == []


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
