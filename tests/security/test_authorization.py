"""Who may do what: every route of the OpenAPI document, as every kind of caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.errors import Conflict, NotFound
from tiro.features.users.service import Role
from tiro.settings import Settings

SPEECH = wav(seconds=1)
HALF = len(SPEECH) // 2
PERSONS = ("anonymous", "revoked", "owner", "other", "admin")

KEYED = dict.fromkeys(PERSONS, "allowed") | {"anonymous": "unauthorized", "revoked": "unauthorized"}
# An admin runs the server; that is no right to read what others said.
PRIVATE = KEYED | {"other": "missing", "admin": "missing"}
DOOR = "/api/v1/transcribe"
UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
MATRIX = {
    ("GET", "/api/v1/health"): KEYED,
    ("POST", DOOR): KEYED,
    ("GET", DOOR): KEYED,
    ("GET", DOOR + "/{session_id}"): PRIVATE,
    ("DELETE", DOOR + "/{session_id}"): PRIVATE,
    ("POST", DOOR + "/{session_id}/cancel"): PRIVATE,
    ("POST", DOOR + "/{session_id}/retry"): PRIVATE,
    ("GET", DOOR + "/{session_id}/media"): PRIVATE,
    ("HEAD", DOOR + "/{session_id}/media"): PRIVATE,
    ("GET", DOOR + "/{session_id}/transcript.{extension}"): PRIVATE,
    ("GET", DOOR + "/{session_id}/events"): PRIVATE,
    ("OPTIONS", UPLOADS): KEYED,
    ("POST", UPLOADS): KEYED,
    ("OPTIONS", UPLOADS + "/{upload_id}"): PRIVATE,
    ("HEAD", UPLOADS + "/{upload_id}"): PRIVATE,
    ("PATCH", UPLOADS + "/{upload_id}"): PRIVATE,
    ("DELETE", UPLOADS + "/{upload_id}"): PRIVATE,
    ("POST", UPLOADS + "/{upload_id}"): PRIVATE,
    ("POST", "/v1/audio/transcriptions"): KEYED,
    ("POST", "/v1/audio/translations"): KEYED,
    ("GET", "/v1/models"): KEYED,
    ("GET", "/v1/models/{name}"): KEYED,
}
_KEYED = ("/api/", "/v1/")
UNLISTED = {("HEAD", DOOR + "/{session_id}/media"), ("POST", UPLOADS + "/{upload_id}")}
"""Routes that the document leaves out because it has their twin."""


@dataclass
class House:
    """A server with people in it; ``clients`` by the name of the caller."""

    server: ThreadServer
    clients: dict[str, Client]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data: Path = tmp_path_factory.mktemp("house")
    with thread_server(Settings(data=data)) as server:
        runtime = server.runtime
        for name, role in (("owen", Role.USER), ("otto", Role.USER), ("ada", Role.ADMIN)):
            runtime.users.create(name, role)
        row, revoked = runtime.keys.create("revoked", "owen")
        runtime.keys.revoke(row.id)
        secrets = {
            "anonymous": None,
            "revoked": revoked,
            "owner": runtime.keys.create("key", "owen")[1],
            "other": runtime.keys.create("key", "otto")[1],
            "admin": runtime.keys.create("key", "ada")[1],
        }
        clients = {person: Client(server.address, secret) for person, secret in secrets.items()}
        yield House(server, clients)
        for client in clients.values():
            client.close()


def finished(house: House) -> str:
    """The id of a finished recording of the owner's."""
    return str(house.clients["owner"].send_file("call.wav", SPEECH, wait=30).json()["session_id"])


@pytest.fixture(scope="module")
def kept(house: House) -> str:
    """A recording that all but its owner try their hands at."""
    return finished(house)


def routes(house: House) -> set[tuple[str, str]]:
    document = house.clients["anonymous"].get("/openapi.json").json()
    return {(verb.upper(), path) for path, item in document["paths"].items() for verb in item}


def outcome(answer: httpx.Response) -> str:
    if answer.status_code in {401, 404}:
        assert answer.request.method == "HEAD" or code(answer) in {
            "unauthorized",
            "not_found",
            "invalid_api_key",
        }
    return {401: "unauthorized", 404: "missing"}.get(answer.status_code, "allowed")


def code(answer: httpx.Response) -> str:
    body = answer.json()
    return str(body["error"]["code"] if "error" in body else body["code"])


def call(client: Client, verb: str, path: str, session_id: str) -> httpx.Response:
    if (verb, path) == ("POST", DOOR):
        return client.send_file("call.wav", SPEECH)
    if path.startswith("/v1/audio"):
        return client.post(path, files={"file": ("call.wav", SPEECH)}, data={"model": "echo"})
    if path.startswith(UPLOADS):
        return call_upload(client, verb, path, session_id)
    return client.request(verb, path.format(session_id=session_id, extension="txt", name="echo"))


def begun(house: House) -> str:
    """The id of an upload of the owner's, half of which is there."""
    headers = {**TUS, "Upload-Length": str(len(SPEECH)), "Content-Type": "application/offset+octet-stream"}
    answer = house.clients["owner"].post(UPLOADS, headers=headers, content=SPEECH[:HALF])
    return str(answer.headers["location"].rpartition("/")[2])


def call_upload(client: Client, verb: str, path: str, upload_id: str) -> httpx.Response:
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "X-HTTP-Method-Override": "PATCH"}
    headers |= {"Upload-Length": str(len(SPEECH)), "Upload-Offset": str(HALF)}
    data = SPEECH[HALF:] if verb in {"PATCH", "POST"} else b""
    return client.request(verb, path.format(upload_id=upload_id), headers=headers, content=data)


def test_every_route_has_its_row(house: House) -> None:
    """A route that nobody thought about fails here."""
    keyed = {route for route in routes(house) if route[1].startswith(_KEYED)}
    assert keyed | UNLISTED == set(MATRIX)


def test_every_route_outside_the_api_is_the_operators(house: House) -> None:
    outside = {path for _, path in routes(house) if not path.startswith(_KEYED)}
    assert outside <= {"/live", "/ready", "/health", "/version", "/metrics"}


@pytest.mark.parametrize(("verb", "path"), MATRIX)
@pytest.mark.parametrize("person", PERSONS)
def test_matrix(house: House, kept: str, verb: str, path: str, person: str) -> None:
    owner = house.clients["owner"]
    if "{upload_id}" in path:
        upload_id = begun(house)
        assert outcome(call(house.clients[person], verb, path, upload_id)) == MATRIX[verb, path][person]
        if person != "owner":
            left = owner.head(f"{UPLOADS}/{upload_id}", headers=TUS)
            assert left.headers["upload-offset"] == str(HALF)
        return
    session_id = finished(house) if person == "owner" else kept
    assert outcome(call(house.clients[person], verb, path, session_id)) == MATRIX[verb, path][person]
    if person != "owner":
        assert owner.session(session_id)["status"] == "completed"


def test_anothers_recording_looks_like_none(house: House) -> None:
    theirs = house.clients["owner"].send_file("call.wav", SPEECH, wait=30).json()["session_id"]
    other = house.clients["other"]

    def problem(session_id: str) -> dict[str, object]:
        body = dict(other.get(f"{DOOR}/{session_id}").json())
        return {name: value for name, value in body.items() if name not in {"instance", "request_id"}}

    assert problem(theirs) == problem("00000000-0000-7000-8000-000000000000")


def test_anothers_upload_looks_like_none(house: House) -> None:
    theirs, other = begun(house), house.clients["other"]
    for version in (TUS, {}):
        codes = {
            (answer.status_code, answer.json()["code"], answer.json()["detail"])
            for upload_id in (theirs, "00000000-0000-7000-8000-000000000000")
            for answer in [other.delete(f"{UPLOADS}/{upload_id}", headers=version)]
        }
        assert len(codes) == 1


def test_a_list_holds_only_ones_own(house: House) -> None:
    for person in ("owner", "other"):
        house.clients[person].send_file("call.wav", SPEECH, title=f"of {person}", wait=30)
    for query in ("", "?status=completed"):
        page = house.clients["other"].get(DOOR + query).json()
        ids = {item["session_id"] for item in page["items"]}
        assert "of other" in {item["title"] for item in page["items"]}
        assert page["total"] == len(ids)
        owned = {item["session_id"] for item in house.clients["owner"].get(DOOR + query).json()["items"]}
        assert owned
        assert not owned & ids


def test_an_idempotency_key_finds_nothing_of_anothers(house: House) -> None:
    made = {
        house.clients[person]
        .send_file("call.wav", SPEECH, headers={"Idempotency-Key": "same"})
        .json()["session_id"]
        for person in ("owner", "other")
    }
    assert len(made) == 2


def test_names_are_taken_once_and_must_exist(house: House) -> None:
    with pytest.raises(Conflict):
        house.server.runtime.users.create("otto")
    with pytest.raises(NotFound):
        house.server.runtime.keys.create("key", "nobody")


def test_keys_without_a_user_belong_to_the_machines_owner(house: House) -> None:
    users = house.server.runtime.users.list()
    assert (users[0].name, users[0].role) == ("owner", "admin")
    first, _ = house.server.runtime.keys.create("one")
    assert first.owner_id == users[0].id
