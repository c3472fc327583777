"""Titles, tags and comments of recordings, and lists by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, thread_server

from tiro.db.session import Database
from tiro.db.tables import TranscriptTable
from tiro.kit import clock

DOOR = "/api/v1/transcribe"
SPEECH = wav(seconds=1)


@dataclass
class Shelf:
    """Three recordings of the owner's, of which ``shared`` is open to a friend as an editor."""

    owner: Client
    friend: Client
    first: str
    second: str
    shared: str
    database: Database

    def titles(self, client: Client | None = None, **params: Any) -> list[str]:
        answer = (client or self.owner).get(DOOR, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["total"] == len(page["items"])
        return [item["title"] for item in page["items"]]

    def change(self, session_id: str, **body: Any) -> dict[str, Any]:
        answer = self.owner.patch(f"{DOOR}/{session_id}", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    data = tmp_path_factory.mktemp("data")
    with thread_server(make_settings(data)) as server, ExitStack() as stack:
        runtime = server.runtime
        runtime.users.create("fred")
        owner, friend = (
            stack.enter_context(Client(server.address, runtime.keys.create("key", name)[1]))
            for name in ("owner", "fred")
        )
        ids = [
            str(owner.send_file("a.wav", SPEECH, wait=30, title=title).json()["session_id"])
            for title in ("Ärger im Büro", "board meeting", "Call with Al")
        ]
        owner.post(f"{DOOR}/{ids[2]}/shares", json={"user": "fred", "role": "editor"})
        yield Shelf(owner, friend, *ids, runtime.database)
    assert_sound(data)


@pytest.fixture(autouse=True)
def _nothing_tagged(shelf: Shelf) -> Iterator[None]:
    yield
    for session_id in (shelf.first, shelf.second, shelf.shared):
        shelf.change(session_id, tags=[])


def test_a_recording_gets_another_title(shelf: Shelf) -> None:
    changed = shelf.change(shelf.first, title="  Peace at\nlast ")
    assert changed["title"] == shelf.owner.session(shelf.first)["title"] == "Peace at last"
    assert shelf.change(shelf.first, title="Ärger im Büro")["tags"] == []
    for title in (" ", "", 5):
        assert shelf.owner.patch(f"{DOOR}/{shelf.first}", json={"title": title}).status_code == 422


def test_tags_are_kept_once_whatever_their_case(shelf: Shelf) -> None:
    changed = shelf.change(shelf.first, tags=["Zebra", " sales  calls", "SALES calls", "Ärger"])
    assert changed["tags"] == ["sales calls", "Zebra", "Ärger"]
    shelf.change(shelf.second, tags=["zebra"])
    listed = shelf.owner.get("/api/v1/tags").json()["items"]
    assert [(tag["name"].casefold(), tag["recordings"]) for tag in listed] == [
        ("sales calls", 1),
        ("zebra", 2),
        ("ärger", 1),
    ]
    assert shelf.friend.get("/api/v1/tags").json()["items"] == []
    assert shelf.owner.session(shelf.first)["tags"] == changed["tags"]
    items = {item["session_id"]: item["tags"] for item in shelf.owner.get(DOOR).json()["items"]}
    assert items == {shelf.first: changed["tags"], shelf.second: ["zebra"], shelf.shared: []}


def test_lists_by_tag_title_time_and_language(shelf: Shelf) -> None:
    shelf.change(shelf.first, tags=["a", "b"])
    shelf.change(shelf.second, tags=["B"])
    assert shelf.titles(tag="b") == ["board meeting", "Ärger im Büro"]
    assert shelf.titles(tag=["b", "A"]) == ["Ärger im Büro"]
    assert shelf.titles(title="ärger") == ["Ärger im Büro"]
    assert shelf.titles(title="%") == []
    assert shelf.titles(language="en", order="title") == ["board meeting", "Call with Al", "Ärger im Büro"]
    assert shelf.titles(language="fr") == []
    assert shelf.titles(order="oldest")[0] == "Ärger im Büro"
    soon = (clock.now() + timedelta(hours=1)).isoformat()
    assert shelf.titles(since=soon) == []
    assert len(shelf.titles(before=soon, status="completed")) == 3
    assert shelf.titles(before=soon, status="failed") == []


def test_what_is_on_hold_has_a_list(shelf: Shelf) -> None:
    assert shelf.titles(held=True) == []
    held = f"{DOOR}/{shelf.shared}/hold"
    assert shelf.owner.put(held).status_code == 200
    try:
        assert shelf.titles(held=True) == shelf.titles(held=True, status="completed") == ["Call with Al"]
        assert shelf.titles(held=False, order="title") == ["board meeting", "Ärger im Büro"]
        assert shelf.titles(held=True, title="board") == []
        assert shelf.titles(shelf.friend, held=True) == []
        assert shelf.titles(shelf.friend, held=True, shared="all") == ["Call with Al"]
        assert shelf.owner.get(DOOR, params={"held": "maybe"}).status_code == 422
    finally:
        shelf.owner.delete(held)


def test_voices_and_languages_are_found(shelf: Shelf) -> None:
    def call(session_id: str, **names: str) -> None:
        version = shelf.owner.session(session_id)["transcript"]["version"]
        changes = [
            {"op": "insert", "start_time": 0, "end_time": 1, "text": "indeed", "speaker": label}
            for label in names
        ] + [{"op": "rename", "speaker": label, "name": name} for label, name in names.items()]
        wish = {"version": version, "changes": changes}
        answer = shelf.owner.patch(f"{DOOR}/{session_id}/transcript", json=wish)
        assert answer.status_code == 200, answer.text

    call(shelf.first, one="Ärne O'Brien", two="<b>Bo</b>")
    call(shelf.shared, one="ärne o'brien", two="ÄRNE O'BRIEN")
    assert shelf.titles(speaker="ÄRNE o'brien") == ["Call with Al", "Ärger im Büro"]
    assert shelf.titles(speaker="ärne") == shelf.titles(speaker="one") == []
    assert shelf.titles(speaker="<b>bo</b>", language="en") == ["Ärger im Büro"]
    assert shelf.titles(shelf.friend, speaker="Ärne O'Brien", shared="all") == ["Call with Al"]
    named = shelf.owner.get("/api/v1/speakers").json()["items"]
    assert [(voice["name"].lower(), voice["recordings"]) for voice in named] == [
        ("<b>bo</b>", 1),
        ("ärne o'brien", 2),
    ]
    assert shelf.owner.get("/api/v1/languages").json()["items"] == [{"language": "en", "recordings": 3}]
    for path in ("speakers", "languages"):
        assert shelf.friend.get(f"/api/v1/{path}").json()["items"] == []


def test_what_is_shared_is_found_too_where_that_is_asked_for(shelf: Shelf) -> None:
    assert shelf.titles(shelf.friend, title="a") == []
    assert shelf.titles(shelf.friend, title="a", shared="true") == ["Call with Al"]
    assert shelf.titles(shelf.friend, title="a", shared="all") == ["Call with Al"]
    assert shelf.titles(shelf.friend, title="board", shared="all") == []
    item = shelf.friend.get(DOOR, params={"order": "oldest", "shared": "all"}).json()["items"][0]
    assert (item["access"], item["owner"]) == ("editor", "owner")
    assert shelf.titles(title="a", shared="true") == []


def test_what_a_group_shares_is_found_and_ones_own_is_not_called_shared(shelf: Shelf) -> None:
    """Whoever is in several, or is named beside their group, may what most of them may."""
    group = shelf.owner.post("/api/v1/groups", json={"name": "shelf"}).json()
    address = f"/api/v1/groups/{group['id']}"
    for client in (shelf.owner, shelf.friend):
        shelf.owner.put(f"{address}/members/{client.get('/api/v1/me').json()['id']}")
    for session_id in (shelf.second, shelf.shared):
        answer = shelf.owner.post(f"{DOOR}/{session_id}/shares", json={"group": "shelf", "role": "viewer"})
        assert answer.is_success, answer.text
    try:
        items = shelf.friend.get(DOOR, params={"title": "a", "shared": "true"}).json()["items"]
        assert {item["title"]: item["access"] for item in items} == {
            "Call with Al": "editor",
            "board meeting": "viewer",
        }
        assert shelf.titles(title="a", shared="true") == []
        mine = shelf.owner.get(DOOR, params={"title": "a", "shared": "all"}).json()["items"]
        assert {(item["access"], item["owner"]) for item in mine} == {("owner", None)}
    finally:
        shelf.owner.delete(address)


def test_a_filtered_list_comes_in_pages(shelf: Shelf) -> None:
    """Each recording is on one of them, and each page says how many there are in all."""
    seen = []
    for offset in range(4):
        query = {"order": "title", "before": "2100-01-01T00:00:00Z", "limit": 1, "offset": offset}
        page = shelf.owner.get(DOOR, params=query).json()
        assert page["total"] == 3
        seen.append([item["title"] for item in page["items"]])
    assert seen == [["board meeting"], ["Call with Al"], ["Ärger im Büro"], []]
    for wrong in ({"limit": 201}, {"limit": 0}, {"offset": -1}, {"offset": 10**8}, {"order": "size"}):
        assert shelf.owner.get(DOOR, params=wrong).status_code == 422
    for long in ({"title": "x" * 201}, {"tag": ["x"] * 51}, {"tag": "x" * 51}, {"speaker": "x" * 201}):
        assert shelf.owner.get(DOOR, params=long).status_code == 422


def test_lists_go_by_what_a_recording_says_now(shelf: Shelf) -> None:
    """Not by a transcript that another has replaced; and one without a language has none to be listed."""
    shelf.owner.post(f"{DOOR}/{shelf.second}/retry")
    shelf.owner.until_ended(shelf.second)
    before = TranscriptTable.recording_id == shelf.second, ~TranscriptTable.current
    with shelf.database.write() as session:
        row = update(TranscriptTable).where(*before)
        change = row.values(summary={"language": "fr"}, speakers={"one": "Old Name"})
        assert session.execute(change).rowcount == 1
        session.execute(
            update(TranscriptTable)
            .where(TranscriptTable.recording_id == shelf.first)
            .values(summary={"language": None})
        )
    assert shelf.titles(language="fr") == shelf.titles(speaker="Old Name") == []
    assert shelf.titles(language="en", order="title") == ["board meeting", "Call with Al"]
    assert shelf.owner.get("/api/v1/languages").json()["items"] == [{"language": "en", "recordings": 2}]
    assert "Old Name" not in shelf.owner.get("/api/v1/speakers").text


def test_bad_tags_change_nothing(shelf: Shelf) -> None:
    shelf.change(shelf.first, tags=["kept"])
    for tags in ([" "], ["x" * 51], [f"tag {number}" for number in range(51)], "kept"):
        refused = shelf.owner.patch(f"{DOOR}/{shelf.first}", json={"tags": tags, "title": "new"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert shelf.owner.session(shelf.first)["tags"] == ["kept"]
    assert shelf.owner.session(shelf.first)["title"] == "Ärger im Büro"


def test_comments_are_made_changed_and_resolved(shelf: Shelf) -> None:
    at = f"{DOOR}/{shelf.shared}/comments"
    mine = shelf.owner.post(at, json={"text": " He said\nyes! ", "at": 0.5}).json()
    assert (mine["by"], mine["text"], mine["at"], mine["changed_at"]) == ("owner", "He said\nyes!", 0.5, None)
    his = shelf.friend.post(at, json={"text": "<svg onload=alert(1)>"}).json()
    assert (his["by"], his["at"]) == ("fred", None)
    refused = shelf.owner.patch(f"{at}/{his['id']}", json={"text": "other words"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert shelf.friend.patch(f"{at}/{mine['id']}", json={"resolved": True}).json()["resolved_at"]
    assert shelf.friend.patch(f"{at}/{his['id']}", json={"text": "sorry"}).json()["changed_at"]
    listed = shelf.friend.get(at).json()["items"]
    assert [(one["by"], one["text"]) for one in listed] == [("owner", "He said\nyes!"), ("fred", "sorry")]
    page = shelf.owner.get(at, params={"limit": 1}).json()
    assert shelf.owner.get(at, params={"after": page["next"]}).json()["items"] == listed[1:]
    assert shelf.friend.delete(f"{at}/{mine['id']}").status_code == 403
    assert shelf.owner.delete(f"{at}/{his['id']}").status_code == 204
    assert shelf.owner.delete(f"{at}/{mine['id']}").status_code == 204
    assert shelf.owner.delete(f"{at}/{mine['id']}").status_code == 404


def test_a_comment_is_reached_by_its_own_recording_alone(shelf: Shelf) -> None:
    comment = shelf.owner.post(f"{DOOR}/{shelf.first}/comments", json={"text": "mine"}).json()["id"]
    assert shelf.friend.delete(f"{DOOR}/{shelf.shared}/comments/{comment}").status_code == 404
    assert shelf.owner.delete(f"{DOOR}/{shelf.first}/comments/{comment}").status_code == 204


@pytest.mark.parametrize("body", [{}, {"text": " "}, {"text": "x", "at": -1}, {"text": "x", "at": "1"}])
def test_a_bad_comment_is_refused(shelf: Shelf, body: dict[str, Any]) -> None:
    answer = shelf.owner.post(f"{DOOR}/{shelf.first}/comments", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
