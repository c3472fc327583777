"""All recordings of a user in one stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from tests.makecall import wav
from tests.serving import Client, ThreadServer

from tiro.api.events import LIBRARY_PAYLOADS, PAYLOADS

FEED = "/api/v1/me/events"


def told(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def test_it_says_how_things_stand(server: ThreadServer) -> None:
    server.client.send_file("call.wav", wav(seconds=1), wait=30)
    with server.client.stream("GET", FEED, params={"seconds": 0}) as answer:
        events = list(told(answer.iter_lines()))
    assert [kind for kind, _ in events] == ["counts"]
    assert events[0][1]["completed"] >= 1


def test_it_tells_what_changes_and_of_nobody_elses(server: ThreadServer) -> None:
    server.runtime.users.create("other")
    _, key = server.runtime.keys.create("key", "other")

    def send() -> None:
        with Client(server.address, key) as other:
            other.send_file("secret.wav", wav(seconds=1), wait=30)
        server.client.send_file("call.wav", wav(seconds=1), wait=30, title="Mine")

    with server.client.stream("GET", FEED, params={"seconds": 60}) as answer:
        events = told(answer.iter_lines())
        kind, standing = next(events)
        assert kind == "counts"
        sender = threading.Thread(target=send)
        sender.start()
        for kind, data in events:
            LIBRARY_PAYLOADS[kind].model_validate(data)
            if kind == "recording":
                assert data["title"] == "Mine"
            if kind == "counts" and data["completed"] > standing["completed"]:
                break
        sender.join()
    assert data == standing | {"completed": standing["completed"] + 1}


def test_one_that_is_deleted_while_it_waits_is_said(server: ThreadServer) -> None:
    server.runtime.runner.stop()  # nothing is taken: it waits
    session_id = server.client.send_file("call.wav", wav(seconds=1)).json()["session_id"]
    with server.client.stream("GET", FEED, params={"seconds": 60}) as answer:
        events = told(answer.iter_lines())
        assert next(events) == ("recording", next_of(server, session_id))
        server.client.delete(f"/api/v1/transcribe/{session_id}")
        removed = next(data for kind, data in events if kind == "removed")
    assert removed == {"session_id": session_id}


def next_of(server: ThreadServer, session_id: str) -> dict[str, Any]:
    items = server.client.get("/api/v1/transcribe").json()["items"]
    return next(dict(item) for item in items if item["session_id"] == session_id)


def test_what_a_recordings_stream_carries_is_as_the_document_says(server: ThreadServer) -> None:
    """The web app's types come from these models."""
    document = server.client.get("/openapi.json").json()["components"]["schemas"]
    assert set(document["RecordingEvents"]["properties"]) == {*PAYLOADS, "end"}
    assert set(document["LibraryEvents"]["properties"]) == set(LIBRARY_PAYLOADS)
