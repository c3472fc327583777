"""Logins: forged tokens, refresh tokens that come twice, what ends a login, and what a login gives away."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from tests.makecall import wav
from tests.serving import Client, ThreadServer, wait_until

from tiro.errors import Unauthorized
from tiro.features.accounts.passwords import Passwords
from tiro.features.users.service import Role

LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/me"
PASSWORD = "correct horse battery"
Pair = dict[str, Any]


class Person:
    """Somebody with a password, made anew for each test."""

    def __init__(self, server: ThreadServer, name: str) -> None:
        self.server, self.name = server, name
        self.user = server.runtime.users.create(name)
        server.runtime.accounts.set_password(name, PASSWORD)

    def try_login(self, password: str = PASSWORD) -> httpx.Response:
        with Client(self.server.address, None) as client:
            return client.post(LOGIN, json={"name": self.name, "password": password})

    def login(self) -> Pair:
        answer = self.try_login()
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        return dict(answer.json())


@pytest.fixture
def person(server: ThreadServer, request: pytest.FixtureRequest) -> Person:
    return Person(server, request.node.name)


def ask(server: ThreadServer, token: str, path: str = ME) -> int:
    with Client(server.address, token) as client:
        return client.get(path).status_code


def refresh(server: ThreadServer, token: str) -> httpx.Response:
    with Client(server.address, None) as client:
        return client.post(REFRESH, json={"refresh_token": token})


def test_a_login_has_all_that_its_role_has(server: ThreadServer, person: Person) -> None:
    with Client(server.address, person.login()["access_token"]) as client:
        me = client.get(ME).json()
        assert me == {
            "id": person.user.id,
            "name": person.name,
            "scopes": ["read", "write", "live"],
            "key_id": None,
        }
        assert client.get("/api/v1/users").status_code == 403
        assert client.send_file("call.wav", b"", headers={"Idempotency-Key": "x"}).status_code == 422


# --- S9: tokens that are not ours ------------------------------------------------------------------


def forged(changes: dict[str, Any], without: str = "", key: bytes | None = None) -> Callable[..., str]:
    def make(token: str, secret: bytes) -> str:
        claims = jwt.decode(token, options={"verify_signature": False}) | changes
        claims.pop(without, None)
        return jwt.encode(claims, key or secret, "HS256")

    return make


def unsigned(token: str, _secret: bytes) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, None, "none")  # type: ignore[arg-type]


def swapped(token: str, secret: bytes) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, secret * 2, "HS512")


def altered(token: str, _secret: bytes) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = "somebody"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


FORGERIES: dict[str, Callable[[str, bytes], str]] = {
    "algorithm none": unsigned,
    "another algorithm": swapped,
    "altered": altered,
    "another key": forged({}, key=b"k" * 32),
    "no end": forged({}, without="exp"),
    "past": forged({"exp": int(time.time()) - 5}),
    "no audience": forged({}, without="aud"),
    "another audience": forged({"aud": "elsewhere"}),
    "no issuer": forged({}, without="iss"),
    "another issuer": forged({"iss": "elsewhere"}),
    "no type": forged({}, without="typ"),
    "a refresh token's type": forged({"typ": "refresh"}),
    "no login": forged({}, without="sid"),
    "another login": forged({"sid": "01900000-0000-7000-8000-000000000000"}),
    "a login that is no text": forged({"sid": 1}),
    "another user": forged({"sub": "01900000-0000-7000-8000-000000000000"}),
    "not a token": lambda _token, _secret: "a.b.c",
}


@pytest.fixture(scope="module")
def signed(server: ThreadServer) -> tuple[str, bytes]:
    """A valid access token, and the key that signs it."""
    return Person(server, "signed").login()["access_token"], server.runtime.accounts._tokens._key


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_tokens(server: ThreadServer, signed: tuple[str, bytes], forgery: str) -> None:
    assert ask(server, signed[0]) == 200
    assert ask(server, forged({})(*signed)) == 200  # the forger's hand is good: what follows is to blame
    assert ask(server, FORGERIES[forgery](*signed)) == 401


def test_a_refresh_token_opens_nothing(server: ThreadServer, person: Person) -> None:
    pair = person.login()
    assert ask(server, pair["refresh_token"]) == 401
    assert refresh(server, pair["access_token"]).status_code == 401


# --- S10: what ends a login ------------------------------------------------------------------------


def test_a_refresh_token_is_exchanged_once(server: ThreadServer, person: Person) -> None:
    first = person.login()
    second = refresh(server, first["refresh_token"]).json()
    assert ask(server, second["access_token"]) == 200
    elsewhere = person.login()
    assert refresh(server, first["refresh_token"]).status_code == 401
    # The thief or the owner came second, and nobody can tell which: the family has ended, and no other.
    assert ask(server, second["access_token"]) == 401
    assert refresh(server, second["refresh_token"]).status_code == 401
    assert ask(server, elsewhere["access_token"]) == 200


def logout(person: Person, pair: Pair) -> None:
    with Client(person.server.address, None) as client:
        answer = client.post("/api/v1/auth/logout", json={"refresh_token": pair["refresh_token"]})
    assert answer.status_code == 204


def logout_everywhere(person: Person, _pair: Pair) -> None:
    with Client(person.server.address, person.login()["access_token"]) as client:
        assert client.post("/api/v1/auth/logout-everywhere").status_code == 204


def admin(person: Person, verb: str, path: str, **body: Any) -> None:
    answer = person.server.client.request(verb, f"/api/v1/users/{person.user.id}{path}", json=body)
    assert answer.status_code == 200, answer.text


ENDS: dict[str, Callable[[Person, Pair], object]] = {
    "logout": logout,
    "logout everywhere": logout_everywhere,
    "disabled": lambda person, _pair: admin(person, "PATCH", "", disabled=True),
    "another role": lambda person, _pair: admin(person, "PATCH", "", role=Role.ADMIN),
    "reset": lambda person, _pair: admin(person, "POST", "/reset"),
    "another password": lambda person, _pair: person.server.runtime.accounts.set_password(
        person.name, PASSWORD
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_login(server: ThreadServer, person: Person, end: str) -> None:
    pair = person.login()
    ENDS[end](person, pair)
    assert ask(server, pair["access_token"]) == 401
    assert refresh(server, pair["refresh_token"]).status_code == 401


@pytest.mark.parametrize("kind", ["key", "login", "cookie"])
def test_what_is_open_closes(
    server: ThreadServer, person: Person, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In life the stream asks every 20 s whether its caller still is one."""
    monkeypatch.setattr("tiro.features.keys.dependencies.RECHECK_SECONDS", 0.2)
    row, key = server.runtime.keys.create("key", person.name)
    secret = key if kind == "key" else person.login()["access_token"]
    with Client(server.address, key) as keyed, Client(server.address, secret) as client:
        session_id = keyed.send_file("call.wav", wav(seconds=40), engine="echo:1").json()["session_id"]
        if kind == "cookie":
            del client.headers["Authorization"]
            client.cookies.set("tiro-access", secret)
        with client.stream("GET", f"/api/v1/transcribe/{session_id}/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            if kind == "key":
                server.runtime.keys.revoke(row.id)
            else:
                logout_everywhere(person, {})
            rest = list(lines)
        assert not any(line.startswith("event: end") for line in rest)
        if kind != "key":
            assert keyed.session(session_id)["status"] == "running"
            keyed.delete(f"/api/v1/transcribe/{session_id}")
        else:
            server.runtime.recordings.delete(session_id)


def test_openais_stream_closes_too(
    server: ThreadServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiro.features.keys.dependencies.RECHECK_SECONDS", 0.2)
    row, key = server.runtime.keys.create("key", person.name)
    form = {"model": "echo:1", "stream": "true"}
    with (
        Client(server.address, key) as client,
        client.stream(
            "POST", "/v1/audio/transcriptions", files={"file": ("a.wav", wav(seconds=40))}, data=form
        ) as stream,
    ):
        assert stream.status_code == 200
        server.runtime.keys.revoke(row.id)
        rest = [line for line in stream.iter_lines() if line]
    assert json.loads(rest[-1].removeprefix("data: "))["error"]["code"] == "invalid_api_key"
    assert not any("transcript.text.done" in line for line in rest)
    wait_until(lambda: server.runtime.runner.busy == 0, what="the end of its work")


def test_an_ended_access_token_closes_nothing_that_is_open(
    server: ThreadServer, signed: tuple[str, bytes]
) -> None:
    past = forged({"exp": int(time.time()) - 5})(*signed)
    assert ask(server, past) == 401
    assert server.runtime.callers.recheck(past).name == "signed"
    with pytest.raises(Unauthorized):
        server.runtime.callers.recheck(altered(*signed))


def test_who_is_disabled_is_nobody(server: ThreadServer, person: Person) -> None:
    before = person.login()
    _, secret = server.runtime.keys.create("key", person.name)
    admin(person, "PATCH", "", disabled=True)
    assert ask(server, secret) == 401
    assert person.try_login().json()["detail"] == person.try_login("wrong password").json()["detail"]
    admin(person, "PATCH", "", disabled=False)
    assert ask(server, secret) == 200
    assert ask(server, before["access_token"]) == 401
    assert person.try_login().status_code == 200


def test_a_demoted_admins_key_loses_its_scope(server: ThreadServer, person: Person) -> None:
    admin(person, "PATCH", "", role=Role.ADMIN)
    _, secret = server.runtime.keys.create("key", person.name)
    assert ask(server, secret, "/api/v1/users") == 200
    admin(person, "PATCH", "", role=Role.USER)
    assert ask(server, secret, "/api/v1/users") == 403


def test_the_machines_owner_stays_an_admin(server: ThreadServer) -> None:
    owner = next(user for user in server.runtime.users.list() if user.name == "owner")
    for change in ({"role": "user"}, {"disabled": True}):
        assert server.client.patch(f"/api/v1/users/{owner.id}", json=change).status_code == 409


# --- S17: what a login gives away -------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_name_are_one(
    server: ThreadServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answer after the same work: one password is checked, with the same parameters."""
    passwords = server.runtime.accounts._passwords
    checked: list[str] = []
    matches = passwords._hasher.verify

    class Watched:
        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored.rpartition("$")[0].rpartition("$")[0])
            return matches(stored, password)

        def check_needs_rehash(self, stored: str) -> bool:
            return False

    monkeypatch.setattr(passwords, "_hasher", Watched())
    answers = []
    with Client(server.address, None) as client:
        for name in (person.name, "nobody of this name", "owner"):  # wrong, unknown, without a password
            answer = client.post(LOGIN, json={"name": name, "password": "wrong password"})
            body = answer.json()
            body.pop("request_id")
            answers.append((answer.status_code, body))
    assert answers[0][0] == 401
    assert answers[0] == answers[1] == answers[2]
    assert len(checked) == 3
    assert len(set(checked)) == 1


def test_a_password_is_the_same_on_every_keyboard() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64))
    stored = passwords.hashed("Ångström, exactly")
    assert passwords.matches(stored, "A\u030angstro\u0308m, exactly")
    assert not passwords.matches(stored, "Angstrom, exactly")
    assert not passwords.matches(None, "Angstrom, exactly")
