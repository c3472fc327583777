"""Who may do what: every route of the OpenAPI document, as every kind of caller."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.db.tables import KeyTable
from tiro.errors import Conflict, NotFound
from tiro.features.sharing.access import Role as ShareRole
from tiro.features.users.service import Role
from tiro.features.webhooks.service import WebhookWish
from tiro.kit import clock
from tiro.settings import Settings

PASSWORD = "correct horse battery"
SPEECH = wav(seconds=1)
HALF = len(SPEECH) // 2
NOBODY = ("anonymous", "revoked", "expired", "logged out")
NARROW = {"reader": ["read"], "writer": ["write"]}
"""The owner, with a key that has not all scopes."""
SHARED = ("viewer", "editor", "group viewer")
"""Those with whom the owner shares the recording; the last is in a group with which it is shared."""
LOGINS = ("login", "cookie", "cookie alone")
PERSONS = (*NOBODY, "link", *NARROW, "owner", *LOGINS, *SHARED, "other", "admin")
"""``login`` is the owner with a password in place of a key; ``cookie`` so in a browser, and ``cookie alone``
what another site makes that browser send. ``link`` has a link's token, and it for a key."""
IN_SHORT = ("anonymous", "link", "reader", "owner", "cookie alone", "viewer", "other", "admin")
"""One of each kind; the slow tests ask as all of them."""

SAFE = {"GET", "HEAD", "OPTIONS"}
READ = dict.fromkeys(PERSONS, "allowed") | dict.fromkeys((*NOBODY, "link"), "unauthorized")
READ |= {"writer": "lacks read"}
WRITE = READ | {"reader": "lacks write", "writer": "allowed"}
# How one logs in is not for keys to change.
LOGIN = WRITE | dict.fromkeys(("owner", "writer", *SHARED, "other", "admin"), "needs login")
# An admin runs the server; that is no right to read what others said.
_STRANGERS = {"other": "missing", "admin": "missing"}
_SHARED = dict.fromkeys(SHARED, "not shared")
ADMIN = READ | dict.fromkeys(set(PERSONS) - {*NOBODY, "link", "admin"}, "lacks admin")
READ_OWN, WRITE_OWN = (row | _STRANGERS | dict.fromkeys(SHARED, "missing") for row in (READ, WRITE))
VIEW = READ | _STRANGERS
EDIT = WRITE | _STRANGERS | _SHARED | {"editor": "allowed"}
OWNER_READ, OWNER_WRITE = READ | _STRANGERS | _SHARED, WRITE | _STRANGERS | _SHARED
LINKED = dict.fromkeys(PERSONS, "missing") | {"link": "allowed"}
DOOR = "/api/v1/transcribe"
UPLOADS = "/api/v1/uploads"
LINK = "/api/v1/shared/{token}"
GROUPS = "/api/v1/groups"
BATCHES = "/api/v1/batches"
COMMENTS = "/api/v1/transcribe/{session_id}/comments"
FACTOR = "/api/v1/me/second-factor"
HOOK = "/api/v1/webhooks/{webhook_id}"
TUS = {"Tus-Resumable": "1.0.0"}
MATRIX = {
    ("GET", "/api/v1/health"): READ,
    ("POST", DOOR): WRITE,
    ("GET", DOOR): READ,
    ("GET", DOOR + "/{session_id}"): VIEW,
    ("DELETE", DOOR + "/{session_id}"): OWNER_WRITE,
    ("POST", DOOR + "/{session_id}/cancel"): EDIT,
    ("POST", DOOR + "/{session_id}/retry"): EDIT,
    ("GET", DOOR + "/{session_id}/media"): VIEW,
    ("HEAD", DOOR + "/{session_id}/media"): VIEW,
    ("GET", DOOR + "/{session_id}/transcript.{extension}"): VIEW,
    ("GET", DOOR + "/{session_id}/events"): VIEW,
    ("GET", DOOR + "/{session_id}/peaks"): VIEW,
    ("GET", "/api/v1/me/events"): READ,
    ("GET", DOOR + "/{session_id}/changes"): VIEW,
    ("PATCH", DOOR + "/{session_id}"): EDIT,
    ("GET", "/api/v1/tags"): READ,
    ("GET", "/api/v1/speakers"): READ,
    ("GET", "/api/v1/languages"): READ,
    ("GET", COMMENTS): VIEW,
    ("POST", COMMENTS): EDIT,
    ("PATCH", COMMENTS + "/{comment_id}"): EDIT,
    ("DELETE", COMMENTS + "/{comment_id}"): EDIT,
    ("PATCH", DOOR + "/{session_id}/transcript"): EDIT,
    ("GET", DOOR + "/{session_id}/edits"): VIEW,
    ("POST", DOOR + "/{session_id}/edits/{version}/undo"): EDIT,
    ("GET", DOOR + "/{session_id}/shares"): OWNER_READ,
    ("POST", DOOR + "/{session_id}/shares"): OWNER_WRITE,
    ("DELETE", DOOR + "/{session_id}/shares/{share_id}"): OWNER_WRITE,
    ("GET", DOOR + "/{session_id}/links"): OWNER_READ,
    ("POST", DOOR + "/{session_id}/links"): OWNER_WRITE,
    ("DELETE", DOOR + "/{session_id}/links/{link_id}"): OWNER_WRITE,
    ("GET", LINK): LINKED,
    ("GET", LINK + "/media"): LINKED,
    ("HEAD", LINK + "/media"): LINKED,
    ("GET", LINK + "/transcript.{extension}"): LINKED,
    ("GET", GROUPS): READ,
    ("POST", GROUPS): ADMIN,
    ("DELETE", GROUPS + "/{group_id}"): ADMIN,
    ("PUT", GROUPS + "/{group_id}/members/{user_id}"): ADMIN,
    ("DELETE", GROUPS + "/{group_id}/members/{user_id}"): ADMIN,
    ("POST", BATCHES): WRITE,
    ("GET", BATCHES): READ,
    ("GET", BATCHES + "/{batch_id}"): READ_OWN,
    ("GET", BATCHES + "/{batch_id}/events"): READ_OWN,
    ("POST", BATCHES + "/{batch_id}/cancel"): WRITE_OWN,
    ("DELETE", BATCHES + "/{batch_id}"): WRITE_OWN,
    ("OPTIONS", UPLOADS): WRITE,
    ("POST", UPLOADS): WRITE,
    ("OPTIONS", UPLOADS + "/{upload_id}"): WRITE_OWN,
    ("HEAD", UPLOADS + "/{upload_id}"): WRITE_OWN,
    ("PATCH", UPLOADS + "/{upload_id}"): WRITE_OWN,
    ("DELETE", UPLOADS + "/{upload_id}"): WRITE_OWN,
    ("POST", UPLOADS + "/{upload_id}"): WRITE_OWN,
    ("GET", "/api/v1/keys"): READ,
    ("POST", "/api/v1/keys"): WRITE,
    ("DELETE", "/api/v1/keys/{key_id}"): WRITE_OWN,
    ("GET", "/api/v1/webhooks"): READ,
    ("POST", "/api/v1/webhooks"): WRITE,
    ("GET", HOOK): READ_OWN,
    ("PATCH", HOOK): WRITE_OWN,
    ("DELETE", HOOK): WRITE_OWN,
    ("POST", HOOK + "/rotate"): WRITE_OWN,
    ("POST", HOOK + "/test"): WRITE_OWN,
    ("GET", HOOK + "/deliveries"): READ_OWN,
    ("GET", HOOK + "/deliveries/{delivery_id}"): READ_OWN,
    ("POST", HOOK + "/deliveries/{delivery_id}/redeliver"): WRITE_OWN,
    ("GET", "/api/v1/me"): READ,
    ("GET", "/api/v1/me/usage"): READ,
    ("POST", "/api/v1/me/password"): WRITE,
    ("POST", "/api/v1/auth/logout-everywhere"): WRITE,
    ("GET", FACTOR): READ,
    ("POST", FACTOR): LOGIN,
    ("POST", FACTOR + "/confirm"): LOGIN,
    ("POST", FACTOR + "/recovery-codes"): LOGIN,
    ("POST", FACTOR + "/disable"): LOGIN,
    ("GET", "/api/v1/me/identities"): READ,
    ("POST", "/api/v1/me/identities"): LOGIN,
    ("DELETE", "/api/v1/me/identities"): LOGIN,
    ("GET", "/api/v1/users"): ADMIN,
    ("POST", "/api/v1/users"): ADMIN,
    ("PATCH", "/api/v1/users/{user_id}"): ADMIN,
    ("POST", "/api/v1/users/{user_id}/reset"): ADMIN,
    ("DELETE", "/api/v1/users/{user_id}/second-factor"): ADMIN,
    ("DELETE", "/api/v1/users/{user_id}/identities"): ADMIN,
    ("PUT", DOOR + "/{session_id}/hold"): OWNER_WRITE,
    ("DELETE", DOOR + "/{session_id}/hold"): OWNER_WRITE,
    ("GET", "/api/v1/me/transcription-defaults"): READ,
    ("PATCH", "/api/v1/me/transcription-defaults"): WRITE,
    ("GET", "/api/v1/me/retention"): READ,
    ("PATCH", "/api/v1/me/retention"): WRITE,
    ("GET", "/api/v1/me/retention/preview"): READ,
    ("GET", "/api/v1/me/activity"): READ,
    ("GET", "/api/v1/audit"): ADMIN,
    ("GET", "/api/v1/audit/export.{extension}"): ADMIN,
    ("GET", "/api/v1/admin/jobs"): ADMIN,
    ("POST", "/api/v1/admin/jobs/{job_id}/cancel"): ADMIN,
    ("POST", "/api/v1/admin/jobs/{job_id}/requeue"): ADMIN,
    ("GET", "/api/v1/admin/queues"): ADMIN,
    ("GET", "/api/v1/admin/models"): ADMIN,
    ("GET", "/api/v1/admin/models/{name}"): ADMIN | {"admin": "missing"},
    ("POST", "/api/v1/admin/models/{name}/download"): ADMIN | {"admin": "missing"},
    ("DELETE", "/api/v1/admin/models/{name}/download"): ADMIN | {"admin": "missing"},
    ("DELETE", "/api/v1/admin/models/{name}"): ADMIN | {"admin": "missing"},
    ("GET", "/api/v1/admin/storage"): ADMIN,
    ("GET", "/api/v1/admin/settings"): ADMIN,
    ("GET", "/api/v1/admin/health"): ADMIN,
    ("POST", "/v1/audio/transcriptions"): WRITE,
    ("POST", "/v1/audio/translations"): WRITE,
    ("GET", "/v1/models"): READ,
    ("GET", "/v1/models/{name}"): READ,
}
CHANGES = {
    ("DELETE", DOOR + "/{session_id}"),
    ("POST", DOOR + "/{session_id}/cancel"),
    ("POST", DOOR + "/{session_id}/retry"),
}
"""What would leave others a recording that is gone, or at work."""
_AUTH = "/api/v1/auth/"
OPEN: dict[tuple[str, str], dict[str, str] | None] = {
    ("POST", _AUTH + "login"): {"name": "owen", "password": "wrong password"},
    ("POST", _AUTH + "refresh"): {"refresh_token": "unknown"},
    ("POST", _AUTH + "logout"): {"refresh_token": "unknown"},
    ("POST", _AUTH + "link"): {"token": "unknown", "password": "long enough"},
    ("POST", _AUTH + "second-factor"): {"challenge": "unknown", "code": "123456"},
    ("GET", _AUTH + "methods"): None,
    ("GET", _AUTH + "oidc/login"): None,
    ("GET", _AUTH + "oidc/callback"): None,
}
"""Routes that ask for no key, for their body says who calls; and a body that says nothing of use."""
OPEN_STATUS = {"logout": 204, "methods": 200, "oidc/login": 503, "oidc/callback": 403}
_KEYED = ("/api/", "/v1/")
OF_ADMINS = ("/api/v1/users", "/api/v1/audit", "/api/v1/admin")
BODIES: dict[tuple[str, str], dict[str, str]] = {
    ("POST", "/api/v1/keys"): {},
    ("POST", "/api/v1/webhooks"): {"url": "http://127.0.0.1/"},
    ("PATCH", HOOK): {},
    ("POST", HOOK + "/rotate"): {},
    ("POST", "/api/v1/me/password"): {"current": "", "new": "short"},
    ("POST", FACTOR): {"password": PASSWORD},
    ("POST", FACTOR + "/confirm"): {"code": "unknown"},
    ("POST", FACTOR + "/recovery-codes"): {"password": PASSWORD, "code": "unknown"},
    ("POST", FACTOR + "/disable"): {"password": PASSWORD, "code": "unknown"},
    ("POST", "/api/v1/me/identities"): {"password": PASSWORD},
    ("POST", "/api/v1/users"): {"name": " "},
    ("PATCH", "/api/v1/users/{user_id}"): {},
    ("PATCH", "/api/v1/me/retention"): {},
    ("PATCH", "/api/v1/me/transcription-defaults"): {},
    ("PATCH", DOOR + "/{session_id}/transcript"): {},
    ("PATCH", DOOR + "/{session_id}"): {},
    ("POST", COMMENTS): {"text": "indeed"},
    ("PATCH", COMMENTS + "/{comment_id}"): {},
    ("POST", DOOR + "/{session_id}/shares"): {"user": "spare"},
    ("POST", DOOR + "/{session_id}/links"): {},
    ("POST", GROUPS): {"name": " "},
}
UNLISTED = {
    ("HEAD", DOOR + "/{session_id}/media"),
    ("HEAD", LINK + "/media"),
    ("POST", UPLOADS + "/{upload_id}"),
}
"""Routes that the document leaves out because it has their twin."""


@dataclass
class House:
    """A server with people in it; ``clients`` by the name of the caller, ``people`` are ids by name."""

    server: ThreadServer
    clients: dict[str, Client]
    people: dict[str, str]

    def log_in(self, person: str) -> None:
        tokens = self.server.runtime.accounts.login("owen", PASSWORD)
        client = self.clients[person]
        if person == "login":
            client.headers["Authorization"] = f"Bearer {tokens.access}"
            return
        client.cookies = httpx.Cookies({"tiro-access": tokens.access})
        if person == "cookie":
            client.headers["X-CSRF-Token"] = self.server.runtime.browsers.csrf_token(tokens.login_id)

    def share(self, session_id: str, role: ShareRole = "viewer", **with_whom: str | None) -> str:
        whom: dict[str, str | None] = {"user": None, "group": None, **with_whom}
        sharing, owner_id = self.server.runtime.sharing, self.people["owen"]
        return sharing.share(session_id, owner_id, user=whom["user"], group=whom["group"], role=role).id


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data: Path = tmp_path_factory.mktemp("house")
    nobody_there = {"issuer": "http://127.0.0.1:9", "client_id": "tiro"}
    with thread_server(Settings(data=data, oidc=nobody_there)) as server:  # type: ignore[arg-type]
        runtime = server.runtime
        for name in ("owen", "otto", "vera", "edda", "gus", "spare"):
            runtime.users.create(name)
        runtime.users.create("ada", Role.ADMIN)
        people = {user.name: user.id for user in runtime.users.list()}
        runtime.groups.add_member(runtime.groups.create("team").id, people["gus"])
        row, revoked = runtime.keys.create("revoked", "owen")
        runtime.keys.revoke(row.id)
        keys: dict[str, str | None] = {
            "anonymous": None,
            "revoked": revoked,
            "owner": runtime.keys.create("key", "owen")[1],
            "other": runtime.keys.create("key", "otto")[1],
            "admin": runtime.keys.create("key", "ada")[1],
            "viewer": runtime.keys.create("key", "vera")[1],
            "editor": runtime.keys.create("key", "edda")[1],
            "group viewer": runtime.keys.create("key", "gus")[1],
        }
        for person, scopes in NARROW.items():
            keys[person] = runtime.keys.create(person, "owen", scopes=scopes)[1]
        row, keys["expired"] = runtime.keys.create(
            "expired", "owen", expires_at=clock.now() + timedelta(days=1)
        )
        with runtime.database.write() as session:
            change = update(KeyTable).where(KeyTable.id == row.id)
            session.execute(change.values(expires_at=clock.now() - timedelta(seconds=1)))
        runtime.accounts.set_password("owen", PASSWORD)
        keys["logged out"] = runtime.accounts.login("owen", PASSWORD).access
        runtime.accounts.logout_everywhere(people["owen"])
        keys |= dict.fromkeys((*LOGINS, "link"))
        clients = {person: Client(server.address, secret) for person, secret in keys.items()}
        yield House(server, clients, people)
        for client in clients.values():
            client.close()


def finished(house: House) -> str:
    """The id of a finished recording of the owner's."""
    return str(house.clients["owner"].send_file("call.wav", SPEECH, wait=30).json()["session_id"])


def job_of(house: House, recording_id: str) -> str:
    runtime = house.server.runtime
    with runtime.database.read() as session:
        return runtime.jobs.latest(session, recording_id).id


def shared(house: House) -> str:
    """The id of a finished recording of the owner's, shared with all who are there for that."""
    session_id = finished(house)
    house.share(session_id, user="vera")
    house.share(session_id, "editor", user="edda")
    house.share(session_id, group="team")
    return session_id


@pytest.fixture(scope="module")
def kept(house: House) -> str:
    """A recording that all but its owner try their hands at."""
    return shared(house)


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
    if answer.status_code == 403 and "WWW-Authenticate" not in answer.headers:
        known = {"cross_site_request": "cross-site", "not_shared": "not shared"}
        return known.get(code(answer)) or ("needs login" if "Log in" in answer.text else "forbidden")
    if answer.status_code == 403:
        scope = found.group(1) if (found := re.search(r"scope `(\w+)`", answer.text)) else ""
        header = answer.headers["WWW-Authenticate"]
        assert f'error="insufficient_scope", scope="{scope}"' in header or answer.request.method == "HEAD"
        return "lacks " + header.partition('scope="')[2].rstrip('"')
    return {401: "unauthorized", 404: "missing"}.get(answer.status_code, "allowed")


def code(answer: httpx.Response) -> str:
    body = answer.json()
    return str(body["error"]["code"] if "error" in body else body["code"])


def call(client: Client, verb: str, path: str, **ids: str) -> httpx.Response:
    if (verb, path) == ("POST", DOOR):
        return client.send_file("call.wav", SPEECH)
    if (verb, path) == ("POST", BATCHES):
        return client.post(path, files={"audio": ("call.wav", SPEECH)}, data={"engine": "echo"})
    if path.startswith("/v1/audio"):
        return client.post(path, files={"file": ("call.wav", SPEECH)}, data={"model": "echo"})
    if path.startswith(UPLOADS):
        return call_upload(client, verb, path, ids["upload_id"])
    if path == "/api/v1/me/events" or path.endswith("/changes"):
        return client.get(path.format(**ids), params={"seconds": 0})
    body = BODIES.get((verb, path))
    extension = "csv" if "/audit" in path else "txt"
    return client.request(verb, path.format(extension=extension, name="echo", **ids), json=body)


def hooked(house: House) -> dict[str, str]:
    """The ids of a webhook of the owner's and of a message to it."""
    runtime = house.server.runtime
    owner = next(user.id for user in runtime.users.list() if user.name == "owen")
    for left in runtime.webhooks.list(owner):
        runtime.webhooks.remove(left.id, owner)
    webhook = runtime.webhooks.add(owner, WebhookWish(url="http://127.0.0.1:9/"))
    sent = runtime.webhooks.begin_test(webhook.id, owner)
    return {"webhook_id": webhook.id, "delivery_id": sent.delivery_id}


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
    assert keyed | UNLISTED == set(MATRIX) | set(OPEN)


def test_every_route_says_one_scope(house: House) -> None:
    document = house.clients["anonymous"].get("/openapi.json").json()
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if (verb.upper(), path) in OPEN or path.startswith(LINK):
                assert "security" not in operation
            elif path.startswith(_KEYED):
                usual = "read" if verb == "get" else "write"
                admins = path.startswith(OF_ADMINS) or (path.startswith(GROUPS) and verb != "get")
                needed = "admin" if admins else usual
                ways = [{"HTTPBearer": [needed]}, {"Cookie": [needed]}]
                assert operation["security"] == ways, (verb, path)


def test_every_route_outside_the_api_is_the_operators(house: House) -> None:
    outside = {path for _, path in routes(house) if not path.startswith(_KEYED)}
    assert outside <= {"/live", "/ready", "/health", "/version", "/metrics"}


def targets(house: House, path: str, session_id: str) -> dict[str, str]:
    """Something that is there to be touched, for each name in the path."""
    runtime = house.server.runtime
    found = {"user_id": house.people["otto"]}
    if "{batch_id}" in path:
        # One that has ended, or its stream of events would not.
        made = house.clients["owner"].post(BATCHES, files={"audio": ("bad.wav", b"no audio")})
        found["batch_id"] = made.json()["batch_id"]
    if "{key_id}" in path:
        found["key_id"] = runtime.keys.create("spare", "owen")[0].id
    if "{group_id}" in path:
        found["group_id"] = runtime.groups.create(f"group {secrets.token_hex(4)}").id
        runtime.groups.add_member(found["group_id"], found["user_id"])
    if "{job_id}" in path:
        found["job_id"] = job_of(house, finished(house))
    if "{share_id}" in path:
        found["share_id"] = house.share(session_id, user="spare")
    if "{comment_id}" in path:
        # The editor's own, or only its removal by the owner could be seen.
        said = runtime.comments.add(session_id, house.people["edda"], "indeed", None)
        found["comment_id"] = said[0].id
    if "{version}" in path:
        at = f"{DOOR}/{session_id}"
        version = house.clients["owner"].session(session_id)["transcript"]["version"]
        inserted = {"op": "insert", "start_time": 0, "end_time": 1, "text": "more"}
        wish = {"version": version, "changes": [inserted]}
        made = house.clients["owner"].patch(f"{at}/transcript", json=wish)
        found["version"] = str(made.json()["version"])
    if "{link_id}" in path:
        found["link_id"] = runtime.sharing.make_link(session_id, None)[0].id
    if "{webhook_id}" in path:
        found |= hooked(house)
    return found | {"token": secrets.token_urlsafe(32)}


def link(house: House, session_id: str) -> dict[str, str]:
    """A link to the recording, whose token is tried as a bearer's too."""
    token = house.server.runtime.sharing.make_link(session_id, None)[1]
    house.clients["link"].headers["Authorization"] = f"Bearer {token}"
    return {"token": token}


@pytest.mark.parametrize(
    "persons", [pytest.param(IN_SHORT, id="some"), pytest.param(PERSONS, id="all", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("verb", "path"), MATRIX)
def test_matrix(house: House, kept: str, verb: str, path: str, persons: tuple[str, ...]) -> None:
    """A row at a time: a test for each cell would take as long again."""
    common = targets(house, path, kept)
    found = {person: cell(house, kept, common, verb, path, person) for person in persons}
    if "{session_id}" in path:
        assert house.clients["owner"].session(kept)["status"] == "completed"
    cross_site = {"cookie alone": "cross-site"} if verb not in SAFE else {}
    expected = MATRIX[verb, path] | cross_site
    assert found == {person: expected[person] for person in persons}


def cell(house: House, kept: str, common: dict[str, str], verb: str, path: str, person: str) -> str:
    """How the route answers the person, who leaves all that is not theirs as it was. ``common`` is what all
    find who can change nothing of it."""
    owner = house.clients["owner"]
    mine = person in {"owner", "writer", *LOGINS}
    if person in LOGINS:
        house.log_in(person)
    # Whoever may change it gets one to change.
    allowed = MATRIX[verb, path][person] == "allowed" and verb not in SAFE
    session_id = shared(house) if allowed and (verb, path) in CHANGES else kept
    found = targets(house, path, session_id) if allowed else common
    if person == "link":
        found = found | link(house, session_id)
    upload_id = begun(house) if "{upload_id}" in path else ""
    answer = call(
        house.clients[person],
        verb,
        path,
        session_id=session_id,
        upload_id=upload_id,
        **found,
    )
    if upload_id and not mine:
        left = owner.head(f"{UPLOADS}/{upload_id}", headers=TUS)
        assert left.headers["upload-offset"] == str(HALF)
    return outcome(answer)


@pytest.mark.parametrize(("verb", "path"), OPEN)
@pytest.mark.parametrize("person", ["anonymous", "owner"])
def test_open_routes_give_nothing_away(house: House, verb: str, path: str, person: str) -> None:
    answer = house.clients[person].request(verb, path, json=OPEN[verb, path])
    assert answer.status_code == OPEN_STATUS.get(path.removeprefix(_AUTH), 401)


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


def test_anothers_batch_takes_no_file(house: House) -> None:
    theirs = house.clients["owner"].post(BATCHES, files={"title": (None, "theirs")}).json()["batch_id"]
    answers = {
        (answer.status_code, answer.json()["detail"])
        for batch in (theirs, "00000000-0000-7000-8000-000000000000")
        for answer in [house.clients["other"].send_file("call.wav", SPEECH, batch=batch)]
    }
    assert answers == {(422, "batch: you have none with this id.")}
    metadata = f"batch {b64encode(theirs.encode()).decode()}"
    headers = {**TUS, "Upload-Length": str(len(SPEECH)), "Upload-Metadata": metadata}
    assert house.clients["other"].post(UPLOADS, headers=headers).status_code == 422
    assert house.clients["owner"].get(f"{BATCHES}/{theirs}").json()["total"] == 0


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
