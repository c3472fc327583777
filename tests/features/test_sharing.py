"""Recordings shared with people, with groups, and by link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import delete, update
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.db.tables import ShareLinkTable, ShareTable, UserTable
from tiro.features.keys import dependencies
from tiro.http.middleware import shown_path
from tiro.kit import clock

DOOR = "/api/v1/transcribe"
SPEECH = wav(seconds=1)
_titles = count()


@dataclass
class House:
    server: ThreadServer
    people: dict[str, str]
    owner: Client
    friend: Client
    admin: Client

    def recording(self) -> str:
        answer = self.owner.send_file("call.wav", SPEECH, title=f"call {next(_titles)}", wait=30)
        return str(answer.json()["session_id"])

    def share(self, recording_id: str, **body: str) -> str:
        answer = self.owner.post(f"{DOOR}/{recording_id}/shares", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def group(self, *names: str) -> tuple[str, str]:
        """A new group of these people: its name and its id."""
        answer = self.admin.post("/api/v1/groups", json={"name": f"group {next(_titles)}"})
        group = answer.json()
        for name in names:
            address = f"/api/v1/groups/{group['id']}/members/{self.people[name]}"
            assert self.admin.put(address).status_code == 204
        return group["name"], group["id"]

    def link(self, recording_id: str, **body: str) -> dict[str, Any]:
        answer = self.owner.post(f"{DOOR}/{recording_id}/links", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def listed(self, query: str = "") -> dict[str, dict[str, Any]]:
        page = self.friend.get(f"{DOOR}{query}").json()
        assert page["total"] == len(page["items"])
        ids = [item["session_id"] for item in page["items"]]
        assert ids == sorted(set(ids), reverse=True)
        return {item["session_id"]: item for item in page["items"]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("data")
    with thread_server(make_settings(data)) as server, ExitStack() as stack:
        runtime = server.runtime
        for name in ("owen", "fred"):
            runtime.users.create(name)
        people = {user.name: user.id for user in runtime.users.list()}
        clients = [
            stack.enter_context(Client(server.address, runtime.keys.create("key", name)[1]))
            for name in ("owen", "fred", "owner")
        ]
        yield House(server, people, *clients)
    assert_sound(data)


@pytest.fixture(autouse=True)
def _nothing_shared(house: House) -> Iterator[None]:
    yield
    with house.server.runtime.database.write() as session:
        session.execute(delete(ShareTable))


def test_a_viewer_reads_and_an_editor_works(house: House) -> None:
    recording_id = house.recording()
    share_id = house.share(recording_id, user="fred")
    assert house.friend.session(recording_id)["transcript"] == house.owner.session(recording_id)["transcript"]
    refused = house.friend.post(f"{DOOR}/{recording_id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_shared")
    assert house.share(recording_id, user="fred", role="editor") == share_id
    assert house.friend.post(f"{DOOR}/{recording_id}/retry").status_code == 202
    house.owner.until_ended(recording_id)
    assert house.friend.delete(f"{DOOR}/{recording_id}").status_code == 403
    (share,) = house.owner.get(f"{DOOR}/{recording_id}/shares").json()["items"]
    assert (share["user"], share["group"], share["role"]) == ("fred", None, "editor")
    assert house.owner.delete(f"{DOOR}/{recording_id}/shares/{share_id}").status_code == 204
    assert house.friend.get(f"{DOOR}/{recording_id}").status_code == 404
    assert house.owner.delete(f"{DOOR}/{recording_id}/shares/{share_id}").status_code == 404


def test_of_several_shares_the_widest_counts(house: House) -> None:
    recording_id = house.recording()
    group, group_id = house.group("fred", "owen")
    house.share(recording_id, user="fred")
    house.share(recording_id, group=group, role="editor")
    assert house.listed("?shared=true")[recording_id]["access"] == "editor"
    assert house.friend.post(f"{DOOR}/{recording_id}/retry").status_code == 202
    house.owner.until_ended(recording_id)
    # Who leaves the group keeps what they have without it.
    house.admin.delete(f"/api/v1/groups/{group_id}/members/{house.people['fred']}")
    assert house.friend.post(f"{DOOR}/{recording_id}/retry").status_code == 403
    assert house.listed("?shared=true")[recording_id]["access"] == "viewer"
    # What one shares with a group of one's own is not shared with oneself.
    assert house.owner.get(f"{DOOR}?shared=true").json()["total"] == 0


@pytest.mark.parametrize("end", ["member", "group", "recording"])
def test_the_end_of_a_group_or_of_a_membership_is_the_end_of_access(house: House, end: str) -> None:
    recording_id = house.recording()
    group, group_id = house.group("fred")
    house.share(recording_id, group=group)
    assert house.friend.get(f"{DOOR}/{recording_id}").status_code == 200
    groups = {found["name"]: found for found in house.friend.get("/api/v1/groups").json()["items"]}
    assert [member["name"] for member in groups[group]["members"]] == ["fred"]
    if end == "member":
        house.admin.delete(f"/api/v1/groups/{group_id}/members/{house.people['fred']}")
    elif end == "group":
        house.admin.delete(f"/api/v1/groups/{group_id}")
    else:
        house.owner.delete(f"{DOOR}/{recording_id}")
    assert house.friend.get(f"{DOOR}/{recording_id}").status_code == 404
    assert recording_id not in house.listed("?shared=true")


def test_lists_tell_own_and_shared_apart(house: House) -> None:
    group, _ = house.group("fred")
    theirs = [house.recording() for _ in range(3)]
    house.share(theirs[0], user="fred", role="editor")
    house.share(theirs[1], group=group)
    house.share(theirs[0], group=group)
    mine = house.friend.send_file("mine.wav", SPEECH, wait=30).json()["session_id"]
    assert house.listed("?shared=true").keys() == set(theirs[:2])
    assert set(house.listed()) == set(house.listed("?shared=all")) - set(theirs[:2])
    told = house.listed("?shared=all&status=completed")
    assert {told[one]["access"] + str(told[one]["owner"]) for one in (mine, *theirs[:2])} == {
        "ownerNone",
        "editorowen",
        "viewerowen",
    }
    assert told[mine] == house.listed()[mine]
    assert house.listed("?shared=true&status=failed") == {}
    one = house.friend.get(f"{DOOR}?shared=true&limit=1&offset=1").json()
    assert ([item["session_id"] for item in one["items"]], one["total"]) == ([theirs[0]], 2)


def test_a_page_for_somebody_in_very_many_groups(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiro.features.recordings.shared_repository._MOST_GROUPS", 1)
    recording_id = house.recording()
    for _ in range(3):
        group, _ = house.group("fred")
        house.share(recording_id, group=group)
    assert house.listed("?shared=true").keys() == {recording_id}
    assert recording_id in house.listed("?shared=all")


@pytest.mark.parametrize(
    "body",
    [
        {"user": "nobody"},
        {"group": "none"},
        {"user": "owen"},
        {"user": "fred", "group": "none"},
        {},
        {"user": "fred", "role": "owner"},
    ],
)
def test_what_cannot_be_shared_is_refused(house: House, body: dict[str, str]) -> None:
    recording_id = house.recording()
    answer = house.owner.post(f"{DOOR}/{recording_id}/shares", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_an_open_stream_ends_with_the_share(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "RECHECK_SECONDS", 0.0)
    recording_id = house.owner.send_file("long.wav", wav(seconds=30), engine="echo:0.5").json()["session_id"]
    share_id = house.share(recording_id, user="fred")
    with house.friend.stream("GET", f"{DOOR}/{recording_id}/events") as events:
        lines = events.iter_lines()
        assert next(lines)
        house.owner.delete(f"{DOOR}/{recording_id}/shares/{share_id}")
        assert "event: end" not in list(lines)
    assert house.owner.session(recording_id)["status"] == "running"
    house.owner.delete(f"{DOOR}/{recording_id}")


def test_a_link_opens_one_recording_for_reading(house: House) -> None:
    recording_id = house.recording()
    made = house.link(recording_id)
    with Client(made["link"], None) as anybody:
        found = anybody.get(made["link"])
        assert found.json()["transcript"] == house.owner.session(recording_id)["transcript"]
        assert set(found.json()["links"].values()) == {
            made["link"].removeprefix(house.server.address) + tail
            for tail in ("", "/media", "/transcript.txt")
        }
        part = anybody.get("/media", headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, SPEECH[4:8])
        assert anybody.head("/media").headers["content-length"] == str(len(SPEECH))
        answers = [found, part, anybody.get("/transcript.srt"), anybody.get("/transcript.json")]
        answers.append(anybody.get("/media", headers={"Range": "bytes=9999999-"}))
        assert [answer.status_code for answer in answers] == [200, 206, 200, 200, 416]
        house.owner.delete(f"{DOOR}/{recording_id}/links/{made['id']}")
        answers.append(anybody.get(made["link"]))
        assert answers[-1].status_code == 404
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_link_is_shown_once_and_kept_as_a_digest(house: House) -> None:
    recording_id = house.recording()
    made = house.link(recording_id)
    token = made["link"].rpartition("/")[2]
    assert len(token) >= 22
    told = house.owner.get(f"{DOOR}/{recording_id}/links")
    assert [link["id"] for link in told.json()["items"]] == [made["id"]]
    kept = str(rows(house.server.runtime.settings.data, "SELECT * FROM share_links"))
    assert token not in told.text
    assert token not in kept
    path = f"/api/v1/shared/{token}/media"
    assert token not in shown_path({"path": path, "raw_path": path.encode()})


@pytest.mark.parametrize("end", ["expired", "owner disabled", "recording deleted"])
def test_links_that_open_nothing_look_alike(house: House, end: str) -> None:
    recording_id = house.recording()
    made = house.link(recording_id, expires_at=(clock.now() + timedelta(days=1)).isoformat())
    past = clock.now() - timedelta(seconds=1)
    unknown = house.owner.get("/api/v1/shared/unknown").json()
    assert house.owner.get(made["link"]).status_code == 200
    with house.server.runtime.database.write() as session:
        owner = update(UserTable).where(UserTable.id == house.people["owen"])
        if end == "expired":
            session.execute(update(ShareLinkTable).values(expires_at=past))
        elif end == "owner disabled":
            session.execute(owner.values(disabled_at=past))
    if end == "recording deleted":
        house.owner.delete(f"{DOOR}/{recording_id}")
    with Client(house.server.address, None) as anybody:
        found = anybody.get(made["link"])
    with house.server.runtime.database.write() as session:
        session.execute(owner.values(disabled_at=None))
    assert found.status_code == 404
    assert found.json()["detail"] == unknown["detail"]


def test_a_link_cannot_expire_in_the_past(house: House) -> None:
    body = {"expires_at": (clock.now() - timedelta(minutes=1)).isoformat()}
    recording_id = house.owner.get(DOOR).json()["items"][0]["session_id"]
    assert house.owner.post(f"{DOOR}/{recording_id}/links", json=body).status_code == 422


def test_a_group_has_a_name_of_its_own(house: House) -> None:
    name, group_id = house.group()
    assert house.admin.post("/api/v1/groups", json={"name": name}).status_code == 409
    for address in (f"{group_id}/members/nobody", f"none/members/{house.people['fred']}"):
        assert house.admin.put(f"/api/v1/groups/{address}").status_code == 404
        assert house.admin.delete(f"/api/v1/groups/{address}").status_code == 404
    assert house.admin.delete("/api/v1/groups/none").status_code == 404
