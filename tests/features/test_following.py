"""What people do to a recording, told to those who look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.features.test_feed import told
from tests.makecall import wav
from tests.serving import ThreadServer

from tiro.api.events import CHANGE_PAYLOADS

DOOR = "/api/v1/transcribe"


@pytest.fixture
def path(server: ThreadServer) -> str:
    sent = server.client.send_file("call.wav", wav(seconds=1), wait=30).json()
    return f"{DOOR}/{sent['session_id']}"


def edit(server: ThreadServer, path: str, text: str) -> int:
    transcript = server.client.get(path).json()["transcript"]
    change = {"op": "text", "segment": transcript["segments"][0]["id"], "text": text}
    body = {"version": transcript["version"], "changes": [change]}
    return int(server.client.patch(f"{path}/transcript", json=body).json()["version"])


def missed(server: ThreadServer, path: str, after: int) -> list[tuple[str, dict[str, Any]]]:
    with server.client.stream("GET", f"{path}/changes", params={"after": after, "seconds": 0}) as answer:
        return list(told(answer.iter_lines()))


def test_what_was_missed_is_told_first_and_then_what_happens(server: ThreadServer, path: str) -> None:
    edit(server, path, "first")

    def work() -> None:
        edit(server, path, "second")
        server.client.post(f"{path}/comments", json={"text": "really?", "at": 0.5})

    with server.client.stream("GET", f"{path}/changes", params={"after": 1}) as answer:
        events: Iterator[tuple[str, dict[str, Any]]] = told(answer.iter_lines())
        kind, missed = next(events)
        assert (kind, missed["version"], missed["segments"][0]["after"]["text"]) == ("edit", 2, "first")
        assert next(events) == ("comments", {"count": 0, "resolved": 0})
        worker = threading.Thread(target=work)
        worker.start()
        seen = {}
        for kind, data in events:
            CHANGE_PAYLOADS[kind].model_validate(data)
            seen[kind] = data
            if kind == "comments":
                break
        worker.join()
    assert seen["edit"]["segments"][0]["before"]["text"] == "first"
    assert seen["edit"]["segments"][0]["after"]["text"] == "second"
    assert seen["comments"] == {"count": 1, "resolved": 0}


def test_whoever_is_up_to_date_is_told_nothing_of_the_text(server: ThreadServer, path: str) -> None:
    version = edit(server, path, "first")
    assert [kind for kind, _ in missed(server, path, version)] == ["comments"]


def test_a_version_of_another_transcript_is_of_no_use(server: ThreadServer, path: str) -> None:
    version = edit(server, path, "first")
    server.client.post(f"{path}/retry")
    server.client.until_ended(path.rpartition("/")[2])
    now = server.client.get(path).json()["transcript"]["version"]
    assert now > version
    assert missed(server, path, version)[0] == ("transcript", {"version": now})
    assert missed(server, path, 0)[0] == ("transcript", {"version": now})
    assert missed(server, path, now + 7)[0] == ("transcript", {"version": now})


def test_comments_are_told_of_whatever_happens_to_them(server: ThreadServer, path: str) -> None:
    comments = f"{path}/comments"
    standing = [missed(server, path, 1)[-1]]
    made = server.client.post(comments, json={"text": "one"}).json()["id"]
    standing.append(missed(server, path, 1)[-1])
    server.client.patch(f"{comments}/{made}", json={"resolved": True})
    standing.append(missed(server, path, 1)[-1])
    server.client.delete(f"{comments}/{made}")
    standing.append(missed(server, path, 1)[-1])
    assert [(data["count"], data["resolved"]) for _, data in standing] == [(0, 0), (1, 0), (1, 1), (0, 0)]


def test_the_result_says_what_the_reader_may_do(server: ThreadServer, path: str) -> None:
    assert server.client.get(path).json()["access"] == "owner"
    link = server.client.post(f"{path}/links", json={}).json()
    assert server.client.get(link["link"]).json()["access"] == "viewer"
