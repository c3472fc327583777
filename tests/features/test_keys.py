"""Keys over HTTP: made, bounded by the key that makes them, and when they were used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event
from tests.serving import Client, ThreadServer

from tiro.errors import DatabaseBusy, Forbidden, Unauthorized
from tiro.kit import clock

KEYS = "/api/v1/keys"


def client(server: ThreadServer, scopes: list[str] | None = None, days: float | None = None) -> Client:
    expires_at = None if days is None else clock.now() + timedelta(days=days)
    return Client(server.address, server.runtime.keys.create("key", scopes=scopes, expires_at=expires_at)[1])


def test_a_key_is_shown_once(server: ThreadServer) -> None:
    made = server.client.post(KEYS, json={"name": "laptop", "scopes": ["write", "read"]})
    assert made.status_code == 201
    key = made.json()
    secret = key.pop("secret")
    assert key["scopes"] == ["read", "write"]
    listed = server.client.get(KEYS)
    assert secret not in listed.text
    assert key in listed.json()["items"]
    with Client(server.address, secret) as holder:
        assert holder.get(KEYS).status_code == 200
        assert server.client.delete(f"{KEYS}/{key['id']}").status_code == 204
        assert holder.get(KEYS).status_code == 401
    assert server.client.delete(f"{KEYS}/{key['id']}").status_code == 404


@pytest.mark.parametrize(
    "wish",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": ""},
        {"name": "two\nlines"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00"},
        {"expires_at": "soon"},
    ],
)
def test_wrong_wishes(server: ThreadServer, wish: dict[str, object]) -> None:
    assert server.client.post(KEYS, json=wish).status_code == 422


def test_a_key_makes_none_that_may_more(server: ThreadServer) -> None:
    with client(server, ["read", "write"]) as narrow:
        refused = narrow.post(KEYS, json={"scopes": ["read", "admin"]})
        assert refused.status_code == 403
        assert "`admin`" in refused.json()["detail"]
        assert narrow.post(KEYS, json={}).json()["scopes"] == ["read", "write"]


def test_a_key_makes_none_that_outlives_it(server: ThreadServer) -> None:
    with client(server, days=10) as mortal:
        until = clock.now() + timedelta(days=11)
        assert mortal.post(KEYS, json={"expires_at": until.isoformat()}).status_code == 403
        own = datetime.fromisoformat(mortal.post(KEYS, json={}).json()["expires_at"])
        assert own < until


def test_a_users_key_is_no_admins(server: ThreadServer) -> None:
    keys, users = server.runtime.keys, server.runtime.users
    users.create("una")
    with pytest.raises(Forbidden, match="una"):
        keys.create("key", "una", scopes=["admin"])
    _, secret = keys.create("key", "una")
    assert "admin" not in keys.authenticate(secret).scopes
    _, secret = keys.create("key")
    assert "admin" in keys.authenticate(secret).scopes


def test_an_expired_key_is_none(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = server.runtime.keys.create("key", expires_at=clock.now() + timedelta(hours=1))
    server.runtime.keys.authenticate(secret)
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(Unauthorized):
        server.runtime.keys.authenticate(secret)


@contextmanager
def statements(server: ThreadServer) -> Iterator[list[str]]:
    """What goes to the database meanwhile, but for those who look there now and then by themselves."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not threading.current_thread().name.startswith(("lease", "webhooks")):
            said.append(statement)

    engine = server.runtime.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_authentication_is_one_query_and_writes_nothing(server: ThreadServer) -> None:
    keys = server.runtime.keys
    row, secret = keys.create("key")
    with statements(server) as said:
        keys.authenticate(secret)
    assert [statement.split()[0] for statement in said if "BEGIN" not in statement] == ["SELECT"]
    assert keys.used_at(row) is not None
    stored = next(key for key in keys.list() if key.id == row.id)
    assert stored.used_at is None
    keys.note_uses()
    stored = next(key for key in keys.list() if key.id == row.id)
    assert stored.used_at is not None
    with statements(server) as said:
        keys.note_uses()
    assert not said


def test_each_request_looks_its_key_up_once(server: ThreadServer) -> None:
    with statements(server) as said:
        server.client.get("/api/v1/transcribe")
    assert sum("digest" in statement for statement in said) == 1


def test_uses_wait_for_a_database_that_is_busy(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, database = server.runtime.keys, server.runtime.database
    row, secret = keys.create("key")
    keys.authenticate(secret)

    def busy(**_: object) -> object:
        raise DatabaseBusy

    with monkeypatch.context() as patched:
        patched.setattr(database, "write", busy)
        with pytest.raises(DatabaseBusy):
            keys.note_uses()
    keys.note_uses()
    assert next(key for key in keys.list() if key.id == row.id).used_at is not None
