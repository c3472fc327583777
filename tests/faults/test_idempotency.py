"""R6: a request that arrives twice, or fifty times at once, is done once; and its answer is nobody else's."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from tests.conftest import make_settings
from tests.databases import everything_in
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server, wait_until

from tiro.client import Client as TiroClient
from tiro.db.tables import JobTable, KeptAnswerTable, KeyTable, Table, UploadTable
from tiro.errors import IdempotencyMismatch, RequestUnderWay
from tiro.features.idempotency import repository
from tiro.features.idempotency.service import Attempt, IdempotencyService
from tiro.features.webhooks.service import WebhookWish
from tiro.http.idempotency import Answer
from tiro.kit import clock
from tiro.kit.ids import uuid7

KEYS, USERS, GROUPS, HOOKS = "/api/v1/keys", "/api/v1/users", "/api/v1/groups", "/api/v1/webhooks"
DOOR, UPLOADS, BATCHES = "/api/v1/transcribe", "/api/v1/uploads", "/api/v1/batches"
SESSION, HOOK = DOOR + "/{session_id}", HOOKS + "/{webhook_id}"
SPEECH = wav(seconds=1)
SECOND = timedelta(seconds=1)

EXEMPT = {
    SESSION + "/cancel": "it ends something; again it is refused, and nothing is made",
    BATCHES + "/{batch_id}/cancel": "it ends something; again it is refused, and nothing is made",
    "/api/v1/admin/jobs/{job_id}/cancel": "it ends something; again it is refused, and nothing is made",
    "/api/v1/admin/models/{name}/download": "one that is on its way, or here, is not begun again",
    "/v1/audio/transcriptions": "OpenAI's: the answer is the text, and its clients know no such header",
    "/v1/audio/translations": "OpenAI's: the answer is the text, and its clients know no such header",
    "/api/v1/auth/login": "anonymous until it is answered, and each login is one of its own",
    "/api/v1/auth/second-factor": "anonymous; a challenge is taken once",
    "/api/v1/auth/refresh": "anonymous; that a token is used twice is how a theft is noticed",
    "/api/v1/auth/link": "anonymous; a link is taken once",
    "/api/v1/auth/logout": "it ends something; again it does nothing",
    "/api/v1/auth/logout-everywhere": "it ends something; again it does nothing",
    "/api/v1/me/password": "it replaces; what proves the right to it must be looked at each time",
    "/api/v1/me/second-factor": "it replaces; the password must be looked at each time",
    "/api/v1/me/second-factor/confirm": "a code is taken once",
    "/api/v1/me/second-factor/recovery-codes": "it replaces; password and code must be looked at each time",
    "/api/v1/me/second-factor/disable": "it ends something; again it is refused",
    "/api/v1/me/identities": "it makes an address to go to, and nothing that stays",
}
"""POSTs that heed no Idempotency-Key, and why that is right."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("data"), egress={"allow": "127.0.0.1"}, limits={"address": 0, "key": 0}
    )
    with thread_server(settings) as running:
        yield running


@pytest.fixture(scope="module")
def kept(server: ThreadServer) -> str:
    """A finished recording."""
    return str(server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"])


def under(token: str, **more: str) -> dict[str, str]:
    return {"Idempotency-Key": token, **more}


def count(server: ThreadServer, table: type[Table]) -> int:
    with server.runtime.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def job_of(server: ThreadServer, recording_id: str) -> str:
    with server.runtime.database.read() as session:
        return server.runtime.jobs.latest(session, recording_id).id


def hook(server: ThreadServer) -> str:
    """A webhook that leads nowhere."""
    webhooks, owner = server.runtime.webhooks, server.client.get("/api/v1/me").json()["id"]
    for left in webhooks.list(owner):
        webhooks.remove(left.id, owner)
    return webhooks.add(owner, WebhookWish(url="http://127.0.0.1:9/")).id


def delivery(server: ThreadServer) -> str:
    """The address of a message that did not arrive."""
    address = f"{HOOKS}/{hook(server)}"
    sent = server.client.post(address + "/test").json()
    return f"{address}/deliveries/{sent['id']}/redeliver"


def ended(server: ThreadServer, recording_id: str) -> str:
    server.client.until_ended(recording_id)
    return recording_id


Request = tuple[str, dict[str, Any]]


def edited(server: ThreadServer, kept: str) -> int:
    """The version that a new edit made."""
    transcript = server.client.session(kept)["transcript"]
    insert = {"op": "insert", "start_time": 0, "end_time": 1, "text": "more"}
    wish = {"version": transcript["version"], "changes": [insert]}
    return int(server.client.patch(f"{DOOR}/{kept}/transcript", json=wish).json()["version"])


MADE: dict[str, Callable[[ThreadServer, str], Request]] = {
    DOOR: lambda _, __: (DOOR, {"files": {"audio": ("a.wav", SPEECH)}, "data": {"engine": "echo"}}),
    BATCHES: lambda _, __: (BATCHES, {"files": {"title": (None, "mine")}}),
    UPLOADS: lambda _, __: (UPLOADS, {"headers": {"Tus-Resumable": "1.0.0", "Upload-Length": "100"}}),
    KEYS: lambda _, __: (KEYS, {"json": {"name": "one"}}),
    USERS: lambda _, __: (USERS, {"json": {"name": f"user {uuid7()}"}}),
    USERS + "/{user_id}/reset": lambda server, _: (
        f"{USERS}/{server.runtime.users.create(f'user {uuid7()}').id}/reset",
        {},
    ),
    GROUPS: lambda _, __: (GROUPS, {"json": {"name": f"group {uuid7()}"}}),
    SESSION + "/shares": lambda server, kept: (
        f"{DOOR}/{kept}/shares",
        {"json": {"user": server.runtime.users.create(f"user {uuid7()}").name}},
    ),
    SESSION + "/links": lambda _, kept: (f"{DOOR}/{kept}/links", {}),
    SESSION + "/retry": lambda server, kept: (f"{DOOR}/{ended(server, kept)}/retry", {}),
    SESSION + "/comments": lambda _, kept: (f"{DOOR}/{kept}/comments", {"json": {"text": "indeed"}}),
    SESSION + "/edits/{version}/undo": lambda server, kept: (
        f"{DOOR}/{ended(server, kept)}/edits/{edited(server, kept)}/undo",
        {},
    ),
    "/api/v1/admin/jobs/{job_id}/requeue": lambda server, kept: (
        f"/api/v1/admin/jobs/{job_of(server, ended(server, kept))}/requeue",
        {},
    ),
    HOOKS: lambda _, __: (HOOKS, {"json": {"url": "http://127.0.0.1:9/"}}),
    HOOK + "/rotate": lambda server, _: (f"{HOOKS}/{hook(server)}/rotate", {"json": {}}),
    HOOK + "/test": lambda server, _: (f"{HOOKS}/{hook(server)}/test", {}),
    HOOK + "/deliveries/{delivery_id}/redeliver": lambda server, _: (delivery(server), {}),
}
"""How each POST that creates is made, by its path."""


def test_every_post_heeds_it_or_is_exempt(server: ThreadServer) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    posts = {path: item["post"] for path, item in paths.items() if "post" in item}
    assert posts.keys() == MADE.keys() | EXEMPT.keys()
    assert not MADE.keys() & EXEMPT.keys()
    heeding = {
        path
        for path, post in posts.items()
        if any(one["name"].lower() == "idempotency-key" for one in post.get("parameters", []))
    }
    assert heeding == MADE.keys()
    assert all("idempotency_mismatch" in posts[path]["responses"]["422"]["description"] for path in MADE)


@pytest.mark.parametrize("path", MADE)
def test_what_is_sent_again_is_answered_again(server: ThreadServer, kept: str, path: str) -> None:
    token = str(uuid7())
    address, request = MADE[path](server, kept)
    headers = request.pop("headers", {}) | under(token)
    first, second = (server.client.post(address, headers=headers, **request) for _ in range(2))
    assert first.status_code in {200, 201, 202}, first.text
    assert second.status_code == first.status_code, second.text
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert second.headers.get("location") == first.headers.get("location")
    if path != DOOR:  # which tells how far it is by now
        assert second.content == first.content
    with Client(server.address, None) as nobody:
        assert nobody.post(address, headers=headers, **request).status_code == 401
    other = {
        DOOR: {"data": {"engine": "echo", "title": "other"}},
        BATCHES: {"files": {"title": (None, "other")}},
        UPLOADS: {"headers": headers | {"Upload-Length": "101"}},
    }.get(path, {"json": {"name": "other"}})
    mismatch = server.client.post(address, **{"headers": headers, **request, **other})
    assert (mismatch.status_code, mismatch.json()["code"]) == (422, "idempotency_mismatch")


def fifty(server: ThreadServer, path: str, **request: Any) -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        headers = dict(server.client.headers) | request.pop("headers", {}) | under(str(uuid7()))
        async with httpx.AsyncClient(
            base_url=server.address, headers=headers, trust_env=False, verify=False
        ) as client:
            return await asyncio.gather(*(client.post(path, **request) for _ in range(50)))

    return asyncio.run(send())


def test_fifty_at_once_make_one_key(server: ThreadServer) -> None:
    before = count(server, KeyTable)
    answers = fifty(server, KEYS, json={"name": "crowd"})
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["secret"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert count(server, KeyTable) == before + 1


def test_fifty_at_once_begin_one_upload(server: ThreadServer) -> None:
    before = count(server, UploadTable)
    answers = fifty(server, UPLOADS, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1000"})
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert count(server, UploadTable) == before + 1
    parts = server.runtime.uploads._parts.parts()
    with server.runtime.database.read() as session:
        assert set(parts) <= set(session.scalars(select(UploadTable.id)))


def test_the_bytes_of_a_creation_are_not_taken_twice(server: ThreadServer) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(SPEECH)),
        "Content-Type": "application/offset+octet-stream",
    } | under(str(uuid7()))
    first, second = (server.client.post(UPLOADS, headers=headers, content=SPEECH[:100]) for _ in range(2))
    assert first.headers["upload-offset"] == second.headers["upload-offset"] == "100"
    assert first.headers["location"] == second.headers["location"]
    headers["Upload-Offset"] = "100"
    done = server.client.patch(first.headers["location"], headers=headers, content=SPEECH[100:])
    assert done.headers["tiro-session"]


def test_a_refusal_is_not_kept(server: ThreadServer) -> None:
    token, name = str(uuid7()), f"user {uuid7()}"
    taken = server.runtime.groups.create(name)
    assert server.client.post(GROUPS, json={"name": name}, headers=under(token)).status_code == 409
    server.runtime.groups.remove(taken.id)
    again = server.client.post(GROUPS, json={"name": name}, headers=under(token))
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    # One that no endpoint saw, and another body then.
    token = str(uuid7())
    assert server.client.post(KEYS, json={"name": 1}, headers=under(token)).status_code == 422
    assert server.client.post(KEYS, json={"name": "one"}, headers=under(token)).status_code == 201


@pytest.mark.parametrize("token", ["", "x" * 256])
def test_keys_that_are_none(server: ThreadServer, token: str) -> None:
    answer = server.client.post(KEYS, json={}, headers=under(token))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_crash_is_not_kept(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    token = str(uuid7())

    def crash(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    with monkeypatch.context() as patch:
        patch.setattr(server.runtime.keys, "create_own", crash)
        assert server.client.post(KEYS, json={}, headers=under(token)).status_code == 500
    assert server.client.post(KEYS, json={}, headers=under(token)).status_code == 201


def test_it_is_nobody_elses(server: ThreadServer) -> None:
    """Neither another user, nor a key of the same user's that may do less, is told a secret."""
    runtime, token = server.runtime, str(uuid7())
    secret = server.client.post(KEYS, json={}, headers=under(token)).json()["secret"]
    name = runtime.users.create(f"user {uuid7()}").name
    _, theirs = runtime.keys.create("theirs", name)
    _, reader = runtime.keys.create("reader", scopes=["read"])
    _, writer = runtime.keys.create("writer", scopes=["write"])
    for key, status in ((theirs, 201), (reader, 403), (writer, 422)):
        with Client(server.address, key) as client:
            answer = client.post(KEYS, json={}, headers=under(token))
        assert answer.status_code == status
        assert secret not in answer.text


def test_no_secret_lies_in_the_database(server: ThreadServer) -> None:
    token = f"my own {uuid7()}"
    secret = server.client.post(KEYS, json={"name": "sealed"}, headers=under(token)).json()["secret"]
    invitation = server.client.post(USERS, json={"name": f"user {uuid7()}"}, headers=under(token + "b"))
    link = invitation.json()["link"].rpartition("#")[2].rpartition("/")[2]
    with server.runtime.database.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswerTable))
    data = server.runtime.settings.data
    held = everything_in(data)
    assert b"sealed" in held
    for hidden in (secret, link, token):
        assert hidden.encode() not in held


def service(server: ThreadServer, **more: Any) -> IdempotencyService:
    """As another process on the same database, or the next one after a crash."""
    return IdempotencyService(server.runtime.database, b"secret", **more)


def owner(server: ThreadServer) -> str:
    return server.runtime.users.list()[0].id


def let_pass(server: ThreadServer) -> None:
    """As if all that is kept were over."""
    with server.runtime.database.write() as session:
        session.execute(update(KeptAnswerTable).values(until=clock.now() - timedelta(seconds=1)))


def test_a_request_whose_server_died_can_be_made_again(server: ThreadServer) -> None:
    who, token, answer = owner(server), secrets.token_hex(), Answer(201, {"location": "/there"}, b"{}")

    async def story() -> None:
        died = service(server)
        first = await died.begin(who, token, b"request")
        assert isinstance(first, Attempt)
        first.abandon()  # and nobody renews its lease
        other = service(server)
        with pytest.raises(RequestUnderWay) as told:
            await other.begin(who, token, b"request")
        assert told.value.retry_after is not None
        assert 1 <= told.value.retry_after <= 30
        with pytest.raises(IdempotencyMismatch):
            await other.begin(who, token, b"another")
        let_pass(server)
        second = await other.begin(who, token, b"request")
        assert isinstance(second, Attempt)
        for late in (Answer(201, {}, b"too late"), None):
            await first.end(late)  # it has lost its turn
            with pytest.raises(RequestUnderWay):
                await died.begin(who, token, b"request")
        await second.end(answer)
        assert await died.begin(who, token, b"request") == answer

    asyncio.run(story())


def test_of_two_servers_one_has_the_turn(server: ThreadServer) -> None:
    """Both have seen that nobody is at it."""
    now = clock.now()
    turn = {"id": secrets.token_hex(), "user_id": owner(server), "fingerprint": "", "until": now + 2 * SECOND}
    claimed = []
    for attempt, at in (("first", now), ("second", now), ("late", now + 3 * SECOND)):
        with server.runtime.database.write() as session:
            claimed.append(repository.claim(session, at, **turn, attempt=attempt))
    assert claimed == [True, False, True]


def test_a_long_request_keeps_its_turn(server: ThreadServer) -> None:
    who, token = owner(server), secrets.token_hex()

    def until() -> datetime:
        with server.runtime.database.read() as session:
            found = session.scalar(select(KeptAnswerTable.until).where(KeptAnswerTable.user_id == who))
        assert found is not None
        return found

    async def story() -> None:
        let_pass(server)
        server.runtime.idempotency.sweep()
        first = await service(server, lease_seconds=0.1).begin(who, token, b"request")
        assert isinstance(first, Attempt)
        begun = until()
        await asyncio.to_thread(wait_until, lambda: until() > begun, what="a longer lease")
        await first.end(None)
        assert count(server, KeptAnswerTable) == 0

    asyncio.run(story())


def test_a_twin_waits_for_a_while(server: ThreadServer) -> None:
    who, token = owner(server), secrets.token_hex()

    async def story() -> None:
        one = service(server, wait_seconds=0.05)
        first = await one.begin(who, token, b"request")
        assert isinstance(first, Attempt)
        with pytest.raises(RequestUnderWay):
            await one.begin(who, token, b"request")
        await first.end(None)

    asyncio.run(story())


def test_answers_are_forgotten_in_time(server: ThreadServer) -> None:
    token = str(uuid7())
    first = server.client.post(KEYS, json={}, headers=under(token))
    let_pass(server)
    again = server.client.post(KEYS, json={"name": "other"}, headers=under(token))
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert again.json()["id"] != first.json()["id"]
    let_pass(server)
    server.runtime.idempotency.sweep()
    assert count(server, KeptAnswerTable) == 0


def test_the_client_sends_it(server: ThreadServer, kept: str) -> None:
    """A retry whose answer is lost is sent again, and runs the job once."""
    sent: list[str] = []

    class Losing(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.method == "POST":
                sent.append(request.headers["idempotency-key"])
                if len(sent) == 1:
                    raise httpx.ReadError("the connection broke")
            return answer

    server.client.until_ended(kept)
    job_id = job_of(server, kept)
    with httpx.Client(transport=Losing()) as http, TiroClient(server.address, server.key, http=http) as tiro:
        assert tiro.retry(kept).id == kept
    assert len(sent) == 2
    assert len(set(sent)) == 1
    with server.runtime.database.read() as session:
        jobs = session.scalars(select(JobTable.id).where(JobTable.recording_id == kept, JobTable.id > job_id))
        assert len(jobs.all()) == 1
