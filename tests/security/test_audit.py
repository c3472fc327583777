"""The audit log: each deed leaves its entry, in its own transaction, and nothing in it does harm."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from starlette.types import Receive, Scope, Send
from tests.databases import refusing, use_data
from tests.makecall import wav
from tests.serving import Client, ThreadServer
from typer.testing import CliRunner

from tiro import actors
from tiro.actors import Actor, ActorKind, acting
from tiro.cli.main import app
from tiro.db.session import Database
from tiro.db.tables import JobTable, Table
from tiro.features.accounts.factors import codes
from tiro.features.accounts.service import Tokens
from tiro.features.audit.actions import ACTIONS
from tiro.features.audit.service import Action, AuditService, Wanted, record
from tiro.features.models import repository as model_downloads
from tiro.features.webhooks.service import WebhookWish
from tiro.http.middleware import RequestEnvelope
from tiro.kit import clock
from tiro.kit.ids import uuid7

PASSWORD = "correct horse battery"
TITLE = "our secret merger"
SPEECH = wav(seconds=1)
DOOR = "/api/v1/transcribe"
UPLOADS = "/api/v1/uploads"
AUDIT = "/api/v1/audit"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@dataclass
class Stage:
    """A server, its owner (who is an admin), and a user with a password who is logged in."""

    server: ThreadServer
    owner: Client
    user_id: str
    kept_id: str = ""

    def log_in(self) -> Tokens:
        tokens = self.server.runtime.accounts.login("una", PASSWORD)
        assert isinstance(tokens, Tokens)
        return tokens

    def recording(self) -> str:
        answer = self.owner.send_file("call.wav", SPEECH, title=TITLE, wait=30)
        return str(answer.json()["session_id"])

    def kept(self) -> str:
        """A recording that stays, and whose job has ended."""
        self.owner.until_ended(self.kept_id)
        return self.kept_id

    def job(self) -> str:
        with self.server.runtime.database.read() as session:
            return self.server.runtime.jobs.latest(session, self.kept()).id

    def queued(self) -> tuple[str, str]:
        """The same, as if its job waited, and that job."""
        job_id = self.job()
        with self.server.runtime.database.write() as session:
            later = clock.now() + timedelta(hours=1)
            change = update(JobTable).where(JobTable.id == job_id).values(state="queued", paused_until=later)
            session.execute(change)
        return self.kept_id, job_id

    def webhook(self) -> str:
        """One that leads nowhere."""
        webhooks = self.server.runtime.webhooks
        owner = self.owner.get("/api/v1/me").json()["id"]
        for left in webhooks.list(owner):
            webhooks.remove(left.id, owner)
        return webhooks.add(owner, WebhookWish(url="http://127.0.0.1:9/")).id

    def upload(self) -> str:
        headers = {**TUS, "Upload-Length": str(len(SPEECH))}
        answer = self.owner.post(UPLOADS, headers=headers, content=SPEECH[:100])
        return str(answer.headers["location"])

    def as_user(self) -> Client:
        return Client(self.server.address, self.log_in().access)

    def anonymously(self, path: str, body: dict[str, str]) -> httpx.Response:
        with Client(self.server.address, None) as client:
            return client.post(path, json=body)

    def entries(self, **wanted: Any) -> list[dict[str, Any]]:
        answer = self.owner.get(AUDIT, params={"limit": 1000, **wanted})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@pytest.fixture(scope="module")
def scene(server: ThreadServer) -> Stage:
    runtime = server.runtime
    user = runtime.users.create("una")
    runtime.accounts.set_password("una", PASSWORD)
    scene = Stage(server, server.client, user.id)
    scene.kept_id = scene.recording()
    return scene


def continue_upload(scene: Stage) -> httpx.Response:
    headers = {**TUS, "Upload-Offset": "100"}
    return scene.owner.patch(scene.upload(), headers=headers, content=SPEECH[100:])


def change_password(scene: Stage) -> httpx.Response:
    with scene.as_user() as una:
        return una.post("/api/v1/me/password", json={"current": PASSWORD, "new": PASSWORD})


def log_out_everywhere(scene: Stage) -> httpx.Response:
    with scene.as_user() as una:
        return una.post("/api/v1/auth/logout-everywhere")


def openai(scene: Stage, task: str) -> httpx.Response:
    files = {"file": ("call.wav", SPEECH)}
    return scene.owner.post(f"/v1/audio/{task}", files=files, data={"model": "echo"})


Deed = Callable[[Stage], httpx.Response]


class Guarded:
    """A user with a second factor, and their client, which is logged in."""

    def __init__(self, stage: Stage, *, confirm: bool = True) -> None:
        runtime = stage.server.runtime
        self.id = runtime.users.create(f"guarded {uuid7()}").id
        self.name = runtime.users.get(self.id).name
        runtime.accounts.set_password(self.name, PASSWORD)
        tokens = runtime.accounts.login(self.name, PASSWORD)
        assert isinstance(tokens, Tokens)
        self.client = Client(stage.server.address, tokens.access)
        self.factor = "/api/v1/me/second-factor"
        if confirm:
            self.secret = base64.b32decode(runtime.accounts.factors.enrol(self.id, PASSWORD).secret)
            runtime.accounts.factors.confirm(self.id, self.code(0))

    def code(self, later: int = 1) -> str:
        return codes.code_at(self.secret, int(clock.now().timestamp()) // 30 + later)

    def post(self, path: str, **body: str) -> httpx.Response:
        with self.client as client:
            return client.post(self.factor + path, json=body)


def confirm_factor(stage: Stage) -> httpx.Response:
    una = Guarded(stage, confirm=False)
    factors = stage.server.runtime.accounts.factors
    una.secret = base64.b32decode(factors.enrol(una.id, PASSWORD).secret)
    return una.post("/confirm", code=una.code(0))


def give_code(stage: Stage) -> httpx.Response:
    una = Guarded(stage)
    una.client.close()
    challenge = stage.anonymously("/api/v1/auth/login", {"name": una.name, "password": PASSWORD}).json()
    body = {"challenge": challenge["challenge"], "code": una.code()}
    return stage.anonymously("/api/v1/auth/second-factor", body)


def with_factor(path: str) -> Deed:
    def deed(stage: Stage) -> httpx.Response:
        una = Guarded(stage)
        return una.post(path, password=PASSWORD, code=una.code())

    return deed


def unlink(stage: Stage) -> httpx.Response:
    with stage.as_user() as una:
        return una.delete("/api/v1/me/identities")


def redeliver(stage: Stage) -> httpx.Response:
    address = f"{HOOKS}/{stage.webhook()}"
    delivery_id = stage.owner.post(f"{address}/test").json()["id"]
    return stage.owner.post(f"{address}/deliveries/{delivery_id}/redeliver")


DEEDS: dict[tuple[str, str], tuple[Action, Deed]] = {
    ("POST", DOOR): (Action.RECORDING_CREATED, lambda s: s.owner.send_file("call.wav", SPEECH)),
    ("DELETE", DOOR + "/{session_id}"): (
        Action.RECORDING_DELETED,
        lambda s: s.owner.delete(f"{DOOR}/{s.recording()}"),
    ),
    ("POST", DOOR + "/{session_id}/cancel"): (
        Action.JOB_CANCELLED,
        lambda s: s.owner.post(f"{DOOR}/{s.queued()[0]}/cancel"),
    ),
    ("POST", DOOR + "/{session_id}/retry"): (
        Action.JOB_RETRIED,
        lambda s: s.owner.post(f"{DOOR}/{s.kept()}/retry"),
    ),
    ("PUT", DOOR + "/{session_id}/hold"): (
        Action.RECORDING_HELD,
        lambda s: s.owner.put(f"{DOOR}/{s.kept()}/hold"),
    ),
    ("DELETE", DOOR + "/{session_id}/hold"): (
        Action.RECORDING_RELEASED,
        lambda s: s.owner.delete(s.owner.put(f"{DOOR}/{s.kept()}/hold").url.path),
    ),
    ("POST", UPLOADS): (
        Action.UPLOAD_BEGUN,
        lambda s: s.owner.post(UPLOADS, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"}),
    ),
    ("PATCH", UPLOADS + "/{upload_id}"): (Action.RECORDING_CREATED, continue_upload),
    ("DELETE", UPLOADS + "/{upload_id}"): (
        Action.UPLOAD_REMOVED,
        lambda s: s.owner.delete(s.upload(), headers=TUS),
    ),
    ("POST", "/v1/audio/transcriptions"): (Action.RECORDING_CREATED, lambda s: openai(s, "transcriptions")),
    ("POST", "/v1/audio/translations"): (Action.RECORDING_CREATED, lambda s: openai(s, "translations")),
    ("POST", "/api/v1/keys"): (Action.KEY_CREATED, lambda s: s.owner.post("/api/v1/keys", json={})),
    ("DELETE", "/api/v1/keys/{key_id}"): (
        Action.KEY_REVOKED,
        lambda s: s.owner.delete(f"/api/v1/keys/{s.owner.post('/api/v1/keys', json={}).json()['id']}"),
    ),
    ("POST", "/api/v1/auth/login"): (
        Action.LOGIN_SUCCEEDED,
        lambda s: s.anonymously("/api/v1/auth/login", {"name": "una", "password": PASSWORD}),
    ),
    ("POST", "/api/v1/auth/logout"): (
        Action.LOGIN_ENDED,
        lambda s: s.anonymously("/api/v1/auth/logout", {"refresh_token": s.log_in().refresh}),
    ),
    ("POST", "/api/v1/auth/logout-everywhere"): (Action.LOGIN_ALL_ENDED, log_out_everywhere),
    ("POST", "/api/v1/auth/link"): (
        Action.PASSWORD_SET,
        lambda s: s.anonymously(
            "/api/v1/auth/link",
            {"token": s.server.runtime.accounts.link(s.user_id), "password": PASSWORD},
        ),
    ),
    ("POST", "/api/v1/me/password"): (Action.PASSWORD_SET, change_password),
    ("PATCH", "/api/v1/me/retention"): (
        Action.RETENTION_CHANGED,
        lambda s: s.owner.patch("/api/v1/me/retention", json={"media_days": 999}),
    ),
    ("PATCH", "/api/v1/me/transcription-defaults"): (
        Action.DEFAULTS_CHANGED,
        lambda s: s.owner.patch("/api/v1/me/transcription-defaults", json={"vocabulary": ["Tiro"]}),
    ),
    ("POST", "/api/v1/users"): (
        Action.USER_CREATED,
        lambda s: s.owner.post("/api/v1/users", json={"name": "ines"}),
    ),
    ("PATCH", "/api/v1/users/{user_id}"): (
        Action.USER_ROLE_CHANGED,
        lambda s: s.owner.patch(f"/api/v1/users/{s.user_id}", json={"role": "admin"}),
    ),
    ("POST", "/api/v1/users/{user_id}/reset"): (
        Action.PASSWORD_RESET,
        lambda s: s.owner.post(f"/api/v1/users/{s.server.runtime.users.create('rosa').id}/reset"),
    ),
    ("POST", "/api/v1/admin/jobs/{job_id}/cancel"): (
        Action.JOB_CANCELLED,
        lambda s: s.owner.post(f"/api/v1/admin/jobs/{s.queued()[1]}/cancel"),
    ),
    ("POST", "/api/v1/admin/jobs/{job_id}/requeue"): (
        Action.JOB_RETRIED,
        lambda s: s.owner.post(f"/api/v1/admin/jobs/{s.job()}/requeue"),
    ),
}
HOOKS = "/api/v1/webhooks"
FACTOR = "/api/v1/me/second-factor"
DEEDS |= {
    ("POST", FACTOR): (
        Action.FACTOR_BEGUN,
        lambda s: Guarded(s, confirm=False).post("", password=PASSWORD),
    ),
    ("POST", FACTOR + "/confirm"): (Action.FACTOR_ENABLED, confirm_factor),
    ("POST", FACTOR + "/recovery-codes"): (
        Action.FACTOR_RECOVERY_RENEWED,
        with_factor("/recovery-codes"),
    ),
    ("POST", FACTOR + "/disable"): (Action.FACTOR_DISABLED, with_factor("/disable")),
    ("POST", "/api/v1/auth/second-factor"): (Action.LOGIN_SUCCEEDED, give_code),
    ("DELETE", "/api/v1/users/{user_id}/second-factor"): (
        Action.FACTOR_RESET,
        lambda s: s.owner.delete(f"/api/v1/users/{s.user_id}/second-factor"),
    ),
    ("DELETE", "/api/v1/users/{user_id}/identities"): (
        Action.IDENTITY_UNLINKED,
        lambda s: s.owner.delete(f"/api/v1/users/{s.user_id}/identities"),
    ),
    ("DELETE", "/api/v1/me/identities"): (Action.IDENTITY_UNLINKED, unlink),
    ("POST", HOOKS): (
        Action.WEBHOOK_CREATED,
        lambda s: s.owner.post(HOOKS, json={"url": "http://93.184.216.34/"}),
    ),
    ("PATCH", HOOKS + "/{webhook_id}"): (
        Action.WEBHOOK_CHANGED,
        lambda s: s.owner.patch(f"{HOOKS}/{s.webhook()}", json={"name": "another"}),
    ),
    ("DELETE", HOOKS + "/{webhook_id}"): (
        Action.WEBHOOK_REMOVED,
        lambda s: s.owner.delete(f"{HOOKS}/{s.webhook()}"),
    ),
    ("POST", HOOKS + "/{webhook_id}/rotate"): (
        Action.WEBHOOK_ROTATED,
        lambda s: s.owner.post(f"{HOOKS}/{s.webhook()}/rotate", json={}),
    ),
    ("POST", HOOKS + "/{webhook_id}/test"): (
        Action.WEBHOOK_TESTED,
        lambda s: s.owner.post(f"{HOOKS}/{s.webhook()}/test"),
    ),
    ("POST", HOOKS + "/{webhook_id}/deliveries/{delivery_id}/redeliver"): (
        Action.WEBHOOK_REDELIVERED,
        redeliver,
    ),
}
BATCHES, GROUPS = "/api/v1/batches", "/api/v1/groups"


def share(scene: Stage) -> httpx.Response:
    return scene.owner.post(f"{DOOR}/{scene.kept()}/shares", json={"user": "una"})


def link(scene: Stage) -> httpx.Response:
    return scene.owner.post(f"{DOOR}/{scene.kept()}/links", json={})


def group(scene: Stage) -> httpx.Response:
    return scene.owner.post(GROUPS, json={"name": f"group {uuid7()}"})


def members(scene: Stage) -> str:
    return f"{GROUPS}/{group(scene).json()['id']}/members/{scene.user_id}"


def batch(scene: Stage, engine: str = "echo") -> httpx.Response:
    return scene.owner.post(BATCHES, data={"engine": engine}, files={"audio": ("call.wav", SPEECH)})


def edit(scene: Stage) -> httpx.Response:
    recording = f"{DOOR}/{scene.kept()}"
    version = scene.owner.get(recording).json()["transcript"]["version"]
    insert = {"op": "insert", "start_time": 0, "end_time": 1, "text": "more"}
    return scene.owner.patch(f"{recording}/transcript", json={"version": version, "changes": [insert]})


def comment(scene: Stage) -> httpx.Response:
    return scene.owner.post(f"{DOOR}/{scene.kept()}/comments", json={"text": "our secret merger"})


DEEDS |= {
    ("PATCH", DOOR + "/{session_id}"): (
        Action.RECORDING_CHANGED,
        lambda s: s.owner.patch(f"{DOOR}/{s.kept()}", json={"title": TITLE, "tags": ["our secret merger"]}),
    ),
    ("POST", DOOR + "/{session_id}/comments"): (Action.COMMENT_CREATED, comment),
    ("PATCH", DOOR + "/{session_id}/comments/{comment_id}"): (
        Action.COMMENT_CHANGED,
        lambda s: s.owner.patch(
            f"{DOOR}/{s.kept()}/comments/{comment(s).json()['id']}", json={"resolved": True}
        ),
    ),
    ("DELETE", DOOR + "/{session_id}/comments/{comment_id}"): (
        Action.COMMENT_REMOVED,
        lambda s: s.owner.delete(f"{DOOR}/{s.kept()}/comments/{comment(s).json()['id']}"),
    ),
    ("PATCH", DOOR + "/{session_id}/transcript"): (Action.RECORDING_EDITED, edit),
    ("POST", DOOR + "/{session_id}/edits/{version}/undo"): (
        Action.RECORDING_EDITED,
        lambda s: s.owner.post(f"{DOOR}/{s.kept()}/edits/{edit(s).json()['version']}/undo"),
    ),
    ("POST", DOOR + "/{session_id}/shares"): (Action.SHARE_CREATED, share),
    ("DELETE", DOOR + "/{session_id}/shares/{share_id}"): (
        Action.SHARE_REMOVED,
        lambda s: s.owner.delete(f"{DOOR}/{s.kept()}/shares/{share(s).json()['id']}"),
    ),
    ("POST", DOOR + "/{session_id}/links"): (Action.SHARE_LINK_CREATED, link),
    ("DELETE", DOOR + "/{session_id}/links/{link_id}"): (
        Action.SHARE_LINK_REVOKED,
        lambda s: s.owner.delete(f"{DOOR}/{s.kept()}/links/{link(s).json()['id']}"),
    ),
    ("POST", GROUPS): (Action.GROUP_CREATED, group),
    ("DELETE", GROUPS + "/{group_id}"): (
        Action.GROUP_REMOVED,
        lambda s: s.owner.delete(f"{GROUPS}/{group(s).json()['id']}"),
    ),
    ("PUT", GROUPS + "/{group_id}/members/{user_id}"): (
        Action.GROUP_MEMBER_ADDED,
        lambda s: s.owner.put(members(s)),
    ),
    ("DELETE", GROUPS + "/{group_id}/members/{user_id}"): (
        Action.GROUP_MEMBER_REMOVED,
        lambda s: s.owner.delete(s.owner.put(members(s)).url.path),
    ),
    ("POST", BATCHES): (Action.BATCH_CREATED, batch),
    ("POST", BATCHES + "/{batch_id}/cancel"): (
        Action.BATCH_CANCELLED,
        lambda s: s.owner.post(f"{BATCHES}/{batch(s, 'echo:100').json()['batch_id']}/cancel"),
    ),
    ("DELETE", BATCHES + "/{batch_id}"): (
        Action.BATCH_REMOVED,
        lambda s: s.owner.delete(f"{BATCHES}/{batch(s).json()['batch_id']}"),
    ),
}
MODELS = "/api/v1/admin/models"


def fetched(scene: Stage) -> httpx.Response:
    """A download from a hub that nobody can reach, which this server allows for once."""
    models = scene.server.runtime.models
    options = replace(models._options, download=True, hubs=("http://127.0.0.1:9",))
    models._options = options
    return scene.owner.post(f"{MODELS}/tiny/download")


def stopped(scene: Stage) -> httpx.Response:
    with scene.server.runtime.database.write() as session:
        assert model_downloads.begin(session, "base", "holder", "host")
    return scene.owner.delete(f"{MODELS}/base/download")


def removed(scene: Stage) -> httpx.Response:
    (scene.server.runtime.models.folder / "small").mkdir(parents=True)
    return scene.owner.delete(f"{MODELS}/small")


DEEDS |= {
    ("POST", MODELS + "/{name}/download"): (Action.MODEL_FETCHED, fetched),
    ("DELETE", MODELS + "/{name}/download"): (Action.MODEL_STOPPED, stopped),
    ("DELETE", MODELS + "/{name}"): (Action.MODEL_REMOVED, removed),
}
EXEMPT = {
    ("POST", "/api/v1/me/identities"): "only tells where to log in; `identity.linked` comes of that",
    ("POST", "/api/v1/auth/refresh"): "goes on with a login that is in the log; a reuse is written down",
}


def test_every_route_that_changes_something_has_its_deed(scene: Stage) -> None:
    """A route that nobody thought about fails here."""
    document = scene.owner.get("/openapi.json").json()
    routes = {(verb.upper(), path) for path, item in document["paths"].items() for verb in item}
    changing = {route for route in routes if route[0] not in {"GET", "HEAD", "OPTIONS"}}
    assert changing == set(DEEDS) | set(EXEMPT)


@pytest.mark.parametrize("route", DEEDS, ids=" ".join)
def test_every_deed_leaves_its_entry(scene: Stage, route: tuple[str, str]) -> None:
    action, deed = DEEDS[route]
    answer = deed(scene)
    # The echo engine translates nothing, but the recording has come.
    assert answer.is_success or route[1].endswith("/translations"), answer.text
    request_id = answer.headers["X-Request-Id"]
    found = [entry for entry in scene.entries(action=action) if entry["request_id"] == request_id]
    (entry,) = found
    assert entry["actor"]["address"] == "127.0.0.1"
    assert entry["target"]
    kind = "key"
    by_key = {"/api/v1/me/retention", "/api/v1/me/transcription-defaults"}
    if route[1].startswith(("/api/v1/auth/", "/api/v1/me/")) and route[1] not in by_key:
        kind = "anonymous" if route[1].endswith(("/logout", "/link")) else "login"
        assert entry["target"] == entry["owner_id"]
    assert entry["actor"]["kind"] == kind
    assert (entry["actor"]["user_id"] is None) == (kind == "anonymous")


def test_logins_that_fail_leave_theirs(scene: Stage) -> None:
    def failed(name: str, password: str) -> dict[str, Any]:
        answer = scene.anonymously("/api/v1/auth/login", {"name": name, "password": password})
        assert answer.status_code == 401
        entry = scene.entries(action=Action.LOGIN_FAILED)[0]
        assert entry["request_id"] == answer.headers["X-Request-Id"]
        assert (entry["actor"]["kind"], entry["actor"]["address"]) == ("anonymous", "127.0.0.1")
        return entry

    known = failed("una", "wrong password")
    assert (known["target"], known["details"]) == (scene.user_id, {"reason": "wrong password"})
    unknown = failed("a password in the wrong field", "x")
    assert (unknown["target"], unknown["details"]) == (None, {"reason": "unknown name"})
    scene.anonymously("/api/v1/auth/link", {"token": "unknown", "password": PASSWORD})
    assert scene.entries(action=Action.LOGIN_FAILED)[0]["details"] == {"reason": "link"}
    with scene.as_user() as una:
        wrong = una.post("/api/v1/me/password", json={"current": "wrong password", "new": PASSWORD})
        assert wrong.status_code == 403
    assert scene.entries(action=Action.PASSWORD_REFUSED)[0]["target"] == scene.user_id


def test_a_refresh_token_that_comes_twice_is_written_down(scene: Stage) -> None:
    token = {"refresh_token": scene.log_in().refresh}
    assert scene.anonymously("/api/v1/auth/refresh", token).status_code == 200
    assert scene.anonymously("/api/v1/auth/refresh", token).status_code == 401
    assert scene.entries(action=Action.LOGIN_REFRESH_REUSED)[0]["target"] == scene.user_id


def test_a_deed_that_cannot_be_written_down_does_not_happen(scene: Stage) -> None:
    runtime = scene.server.runtime
    row, secret = runtime.keys.create("spare")
    with refusing(runtime.settings.data, "INSERT ON audit"), pytest.raises(IntegrityError):
        runtime.keys.revoke(row.id)
    assert runtime.keys.authenticate(secret).key_id == row.id


def test_no_entry_is_ever_changed(scene: Stage) -> None:
    with (
        pytest.raises(DatabaseError, match="never changed"),
        scene.server.runtime.database.write() as session,
    ):
        session.execute(text("UPDATE audit SET address = 'elsewhere'"))


def test_entries_hold_no_secrets_and_no_titles(scene: Stage) -> None:
    made = scene.owner.post("/api/v1/keys", json={"name": "new"}).json()
    tokens = scene.log_in()
    link = scene.server.runtime.accounts.link(scene.user_id)
    exported = scene.owner.get(f"{AUDIT}/export.jsonl").text
    assert made["id"] in exported
    for secret in (made["secret"], PASSWORD, tokens.access, tokens.refresh, link, TITLE, "call.wav"):
        assert secret not in exported


def test_filters_and_pages(scene: Stage) -> None:
    everything = scene.entries()
    assert {entry["action"] for entry in everything} <= set(ACTIONS)
    pages, before = [], None
    while True:
        params = {"limit": 7, "action": "key"} | ({} if before is None else {"before": before})
        page = scene.owner.get(AUDIT, params=params).json()
        pages += page["items"]
        if (before := page["next"]) is None:
            break
    assert pages == [entry for entry in everything if entry["action"].startswith("key.")]
    middle = everything[len(everything) // 2]
    assert scene.entries(target=middle["target"]) == [
        entry for entry in everything if entry["target"] == middle["target"]
    ]
    assert scene.entries(since=middle["at"]) == [entry for entry in everything if entry["at"] >= middle["at"]]
    assert scene.entries(until=middle["at"]) == [entry for entry in everything if entry["at"] < middle["at"]]
    mine = scene.entries(actor=scene.user_id)
    assert mine == [entry for entry in everything if entry["actor"]["user_id"] == scene.user_id]
    key_id = next(entry["actor"]["key_id"] for entry in everything if entry["actor"]["key_id"])
    assert {entry["actor"]["key_id"] for entry in scene.entries(actor=key_id)} == {key_id}
    assert {entry["actor"]["kind"] for entry in scene.entries(actor="anonymous")} == {"anonymous"}
    for wrong in ({"action": "key.eaten"}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}):
        for path in ("", "/export.csv"):
            assert scene.owner.get(AUDIT + path, params=wrong).status_code == 422


def test_exports_do_no_harm(scene: Stage) -> None:
    """A spreadsheet that opens the log runs none of it, and a line of it stays one line."""
    formula = '=HYPERLINK("http://evil.example","x")'
    scene.owner.post("/api/v1/keys", json={"name": formula})
    odd = Actor(ActorKind.COMMAND_LINE, "+1\r\nforged \u202etxt")
    with acting(odd), scene.server.runtime.database.write() as session:
        record(session, Action.KEY_REVOKED, "@SUM(A1)", owner="-2", name="a\x1b[2J")
    lines = [json.loads(line) for line in scene.owner.get(f"{AUDIT}/export.jsonl").text.splitlines()]
    assert lines == scene.entries()
    assert lines[0]["actor"]["name"] == r"+1\r\nforged \u202etxt"
    assert lines[0]["details"] == {"name": r"a\x1b[2J"}
    answer = scene.owner.get(f"{AUDIT}/export.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == len(lines)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r" and cell]
    assert (rows[0]["target"], rows[0]["owner_id"]) == ("'@SUM(A1)", "'-2")
    made = next(row for row in rows if formula in json.loads(row["details"]).values())
    with Client(scene.server.address, None) as client:
        client.headers["Authorization"] = scene.owner.headers["Authorization"]
        client.delete(f"/api/v1/keys/{made['target']}")


def test_ones_own_activity(scene: Stage) -> None:
    """One sees what others did to one's own, but not from where; nobody else's."""
    runtime = scene.server.runtime
    ben = runtime.users.create("ben")
    _, secret = runtime.keys.create("ben's", "ben")
    with Client(scene.server.address, secret) as client:
        key_id = client.post("/api/v1/keys", json={"name": "second"}).json()["id"]
        scene.owner.patch(f"/api/v1/users/{ben.id}", json={"role": "admin"})
        items = client.get("/api/v1/me/activity").json()["items"]
    assert [item["action"] for item in items] == [
        "user.role_changed",
        "key.created",
        "key.created",
        "user.created",
    ]
    by_admin, own = items[0], items[1]
    assert (by_admin["actor"]["user"], by_admin["actor"]["address"]) == ("owner", None)
    assert by_admin["request_id"] is by_admin["actor"]["key_id"] is None
    assert (own["target"], own["actor"]["address"], own["actor"]["name"]) == (key_id, "127.0.0.1", "ben's")


def test_the_command_line_is_an_actor(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    use_data(monkeypatch, scene.server.runtime.settings.data)
    runner = CliRunner()
    for arguments in (["users", "add", "cleo"], ["keys", "create", "ci", "--user", "cleo"]):
        assert runner.invoke(app, arguments).exit_code == 0
    assert runner.invoke(app, ["users", "password", "cleo"], input=PASSWORD + "\n").exit_code == 0
    items = scene.entries(actor="command line")[:3]
    assert [item["action"] for item in items] == ["password.set", "key.created", "user.created"]
    assert {(item["actor"]["kind"], item["actor"]["address"]) for item in items} == {("command line", None)}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("websocket", Actor(ActorKind.ANONYMOUS, address="192.0.2.7")),
        ("lifespan", actors.SERVER),  # what a server does of its own accord begins there
    ],
)
def test_who_is_at_work_before_anybody_has_shown_a_key(kind: str, expected: Actor) -> None:
    seen = []

    async def look(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(actors.current())

    async def nothing(*_: object) -> Any:
        pass

    scope = {"type": kind, "client": ("192.0.2.7", 4711)}
    asyncio.run(RequestEnvelope(look)(scope, nothing, nothing))
    assert seen == [expected]
    assert actors.current() == actors.SERVER


def test_old_entries_go_and_that_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path / 'tiro.db'}")
    Table.metadata.create_all(database.engine)
    try:
        audit = AuditService(database, days=30)
        with database.write() as session:
            record(session, Action.KEY_REVOKED, "old")
        now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=20))
        with database.write() as session:
            record(session, Action.KEY_REVOKED, "young")
        assert not audit.sweep()
        assert len(audit.page(Wanted(), 10).items) == 2
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=31))
        assert not audit.sweep()
        pruned, young = audit.page(Wanted(), 10).items
        assert (young.target, pruned.action, pruned.details["count"]) == ("young", "audit.pruned", 1)
        assert pruned.actor.kind == "server"
        assert not audit.sweep()
        assert len(audit.page(Wanted(), 10).items) == 2
    finally:
        database.close()
