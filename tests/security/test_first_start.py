"""A fresh install: nothing is open, nothing has a default, and one link sets the first password."""

from __future__ import annotations

import re
import signal
import stat
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from tests.conftest import make_settings
from tests.databases import POSTGRESQL
from tests.serving import Client, ServerProcess, ThreadServer, server_process, thread_server

from tiro.kit.secretfile import kept_secret
from tiro.settings import AuthSettings

PASSWORD = "correct horse battery"
LINK = "/api/v1/auth/link"


def link_of(server: ServerProcess) -> tuple[str, str]:
    """The path and the token of the link that the server prints."""
    assert server.process.stdout is not None
    for line in server.process.stdout:
        if found := re.search(rf"{server.address}(/\S+)#(\S+)", line):
            return found[1], found[2]
    raise AssertionError("no link was printed")


def the_rest(server: ServerProcess) -> str:
    """All else that the server prints until its end, which this brings about."""
    server.process.send_signal(signal.SIGTERM)
    assert server.process.stdout is not None
    said = server.process.stdout.read()
    server.stop()
    return said


def log_in(client: httpx.Client) -> int:
    return client.post("/api/v1/auth/login", json={"name": "owner", "password": PASSWORD}).status_code


def test_the_first_start_prints_a_link_that_works_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with server_process(data) as server:
        path, token = link_of(server)
        with Client(server.address, None) as client:
            assert log_in(client) == 401
            page = client.get(path, headers={"Accept": "text/html"})
            assert page.status_code == 200
            script = re.search(r'<script[^>]* src="([^"]+)"', page.text)
            assert script is not None
            assert client.get(script[1]).status_code == 200
            assert client.post(LINK, json={"token": token, "password": "short"}).status_code == 422
            assert client.post(LINK, json={"token": token, "password": PASSWORD}).status_code == 200
            assert client.post(LINK, json={"token": token, "password": PASSWORD}).status_code == 401
            assert log_in(client) == 200
        assert token not in server.log()
        assert PASSWORD not in server.log()
    for name in ("key",) if POSTGRESQL else ("secret", "key"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_later_start_prints_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with thread_server(make_settings(data)) as first:
        first.runtime.accounts.set_password("owner", PASSWORD)
        (data / "key").write_text(first.key)
    with server_process(data) as server:
        assert log_in(server.client) == 200
        assert "#" not in the_rest(server)


def test_only_the_last_link_is_good(server: ThreadServer) -> None:
    accounts = server.runtime.accounts
    first, second = accounts.setup_link(), accounts.setup_link()
    with Client(server.address, None) as client:
        for token, status in ((first, 401), (second, 200)):
            answer = client.post(LINK, json={"token": token, "password": PASSWORD})
            assert answer.status_code == status
    assert accounts.setup_link() is None


def test_invitations_are_the_only_way_in(server: ThreadServer) -> None:
    wish = {"name": "ida", "role": "user"}
    with Client(server.address, None) as client:
        assert client.post("/api/v1/users", json=wish).status_code == 401
        invited = server.client.post("/api/v1/users", json=wish)
        assert invited.status_code == 201
        assert invited.json()["user"]["has_password"] is False
        token = invited.json()["link"].partition("#")[2]
        pair = client.post(LINK, json={"token": token, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {pair['access_token']}"
        me = client.get("/api/v1/me").json()
        assert (me["name"], me["scopes"]) == ("ida", ["read", "write", "live"])
        assert client.post("/api/v1/users", json={"name": "mallory"}).status_code == 403


def test_ones_own_password(server: ThreadServer) -> None:
    server.runtime.users.create("una")
    server.runtime.accounts.set_password("una", PASSWORD)
    pair = server.runtime.accounts.login("una", PASSWORD)
    _, key = server.runtime.keys.create("key", "una")
    change = "/api/v1/me/password"
    with Client(server.address, pair.access) as client:
        wrong = client.post(change, json={"current": "wrong password", "new": "another password"})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "forbidden")
        answer = client.post(change, json={"current": PASSWORD, "new": "another password"})
        assert answer.status_code == 200
        assert client.get("/api/v1/me").status_code == 401
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        assert client.get("/api/v1/me").status_code == 200
    with Client(server.address, key) as client:
        assert client.get("/api/v1/me").status_code == 200


def test_a_key_sets_no_first_password(server: ThreadServer) -> None:
    """Else a narrow key could make itself a login with all scopes."""
    server.runtime.users.create("uwe")
    _, key = server.runtime.keys.create("key", "uwe", scopes=["write"])
    with Client(server.address, key) as client:
        answer = client.post("/api/v1/me/password", json={"current": "", "new": PASSWORD})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "changeme" * 5,
        "your-secret-key-0123456789-abcdef-ghi",
        "0" * 64,
        "change_me_0123456789abcdefghijklmn",
    ],
)
def test_a_placeholder_is_no_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand"):
        AuthSettings(secret=secret)  # type: ignore[arg-type]


def test_a_secret_that_is_set_is_used_and_none_is_made(tmp_path: Path) -> None:
    given = "9f8a1c0be37d45628a4b7c19e0d2f36a"
    tokens = []
    for name in ("one", "two"):
        with thread_server(make_settings(tmp_path / name, auth={"secret": given})) as server:
            tokens.append(server.runtime.accounts._tokens._key)
            assert not (tmp_path / name / "secret").exists()
    assert tokens[0] == tokens[1]


def test_a_secret_is_kept_and_one_cut_short_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    first = kept_secret(path)
    assert kept_secret(path) == first
    path.write_bytes(first[:10])
    second = kept_secret(path)
    assert len(second) == len(first)
    assert kept_secret(path) == second != first
