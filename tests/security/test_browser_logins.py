"""Logins of browsers: cookies, what other sites make a browser send, and sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from pydantic import ValidationError
from tests.conftest import make_settings
from tests.serving import Client, ThreadServer, thread_server

from tiro.api.app import create_app
from tiro.http import problems
from tiro.http.browsers import Browsers, own_origin
from tiro.settings import HttpSettings

LOGIN, REFRESH, LOGOUT = (f"/api/v1/auth/{name}" for name in ("login", "refresh", "logout"))
ME, KEYS = "/api/v1/me", "/api/v1/keys"
APP = "https://app.example.org"
PASSWORD = "correct horse battery"
WHO = {"name": "bea", "password": PASSWORD, "cookie": True}
NAMES = {"tiro-access", "tiro-refresh", "tiro-csrf"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One that another origin's web client may use."""
    settings = make_settings(tmp_path_factory.mktemp("data"), http={"origins": APP})
    with thread_server(settings) as running:
        running.runtime.users.create("bea")
        running.runtime.accounts.set_password("bea", PASSWORD)
        yield running


@pytest.fixture
def browser(server: ThreadServer) -> Iterator[Client]:
    """Logged in; its requests have no token yet."""
    with Client(server.address, None) as client:
        answer = client.post(LOGIN, json=WHO)
        assert answer.status_code == 200
        assert set(answer.json()) == {"csrf_token", "expires_in"}
        assert answer.json()["csrf_token"] == client.cookies["tiro-csrf"]
        yield client


def token(client: Client) -> dict[str, str]:
    return {"X-CSRF-Token": client.cookies["tiro-csrf"]}


def make_key(client: Client, **headers: str) -> httpx.Response:
    return client.post(KEYS, json={}, headers=headers)


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


def crumbs(answer: httpx.Response) -> dict[str, set[str]]:
    """The attributes of each cookie that is set, in lower case."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        head, *attributes = line.split("; ")
        found[head.partition("=")[0]] = {attribute.lower() for attribute in attributes}
    return found


# --- cookies ---------------------------------------------------------------------------------------


def test_the_cookies_of_a_login(server: ThreadServer) -> None:
    with Client(server.address, None) as client:
        answer = client.post(LOGIN, json=WHO)
    found = crumbs(answer)
    assert set(found) == NAMES
    assert answer.headers["Cache-Control"] == "no-store"
    for name, attributes in found.items():
        assert {"path=/", "samesite=lax"} <= attributes
        assert ("httponly" in attributes) == (name != "tiro-csrf")
        assert not any(attribute.startswith("domain") for attribute in attributes)


def test_over_tls_cookies_are_bound_to_it_and_to_the_host(server: ThreadServer) -> None:
    async def visit() -> None:
        transport = httpx.ASGITransport(create_app(server.runtime))
        async with httpx.AsyncClient(transport=transport, base_url="https://tiro.example.org") as client:
            answer = await client.post(LOGIN, json=WHO)
            found = crumbs(answer)
            assert set(found) == {f"__Host-{name}" for name in NAMES}
            assert all("secure" in attributes for attributes in found.values())
            assert (await client.get(ME)).status_code == 200
            # One that a neighbour, or somebody on the wire, could have set counts for nothing.
            planted = {"Cookie": f"tiro-access={client.cookies['__Host-tiro-access']}"}
            client.cookies.clear()
            assert (await client.get(ME, headers=planted)).status_code == 401
            http = await client.post(LOGIN, json=WHO, headers={"Origin": "http://tiro.example.org"})
            assert http.status_code == 403

    asyncio.run(visit())


def test_a_cookie_reads_and_changes_nothing_alone(browser: Client) -> None:
    assert browser.get(ME).json()["name"] == "bea"
    assert refused(make_key(browser))
    assert refused(make_key(browser, **{"X-CSRF-Token": "0" * 64}))
    assert refused(browser.post(KEYS, json={}, headers={b"X-CSRF-Token": b"\xe9"}))
    assert make_key(browser, **token(browser)).status_code == 201


def test_openai_shape_of_the_refusal(browser: Client) -> None:
    answer = browser.post("/v1/audio/transcriptions", files={"file": ("a.wav", b"")}, data={"model": "echo"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "cross_site_request"


def test_the_token_is_that_of_the_login(browser: Client, server: ThreadServer) -> None:
    """A token that somebody got by a login of their own, and planted with its cookie, is worth nothing."""
    with Client(server.address, None) as other:
        other.post(LOGIN, json=WHO)
        planted = token(other)
    browser.cookies.set("tiro-csrf", planted["X-CSRF-Token"])
    assert refused(make_key(browser, **planted))


def test_a_bearer_wins_over_a_cookie(browser: Client, server: ThreadServer) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    assert browser.get(ME, headers=headers).json()["name"] == "test"
    assert make_key(browser, **headers).status_code == 201
    assert browser.get(ME, headers={"Authorization": "Bearer wrong"}).status_code == 401
    # That of a proxy before us, which asks for a password of its own.
    assert browser.get(ME, headers={"Authorization": "Basic YTpi"}).status_code == 200


def test_a_key_is_no_cookie(server: ThreadServer) -> None:
    with Client(server.address, None) as client:
        client.cookies.set("tiro-access", server.key)
        assert client.get(ME).status_code == 401


def test_refresh_and_logout_by_cookie(browser: Client) -> None:
    before = dict(browser.cookies)
    assert refused(browser.post(REFRESH))
    answer = browser.post(REFRESH, headers=token(browser))
    assert answer.status_code == 200
    after = dict(browser.cookies)
    assert before["tiro-refresh"] != after["tiro-refresh"]
    assert before["tiro-csrf"] == after["tiro-csrf"]
    assert "refresh_token" not in answer.text
    assert refused(browser.post(LOGOUT))
    assert browser.get(ME).status_code == 200
    assert browser.post(LOGOUT, headers=token(browser)).status_code == 204
    assert not browser.cookies
    browser.cookies.update(after)
    assert browser.get(ME).status_code == 401
    assert browser.post(REFRESH, headers=token(browser)).status_code == 401
    assert browser.post(LOGOUT, headers=token(browser)).status_code == 204


def test_a_stolen_refresh_cookie_ends_the_login(browser: Client) -> None:
    stolen = browser.cookies["tiro-refresh"]
    assert browser.post(REFRESH, headers=token(browser)).status_code == 200
    assert browser.post(REFRESH, json={"refresh_token": stolen}).status_code == 401
    assert browser.get(ME).status_code == 401


def test_nobody_refreshes_with_nothing(server: ThreadServer) -> None:
    with Client(server.address, None) as client:
        assert client.post(REFRESH).status_code == 401
        assert client.post(LOGOUT).status_code == 204


def test_the_rest_of_an_account_by_cookie(server: ThreadServer) -> None:
    server.runtime.users.create("cat")
    link = server.runtime.accounts.link(server.runtime.users.list()[-1].id)
    body = {"token": link, "password": PASSWORD, "cookie": True}
    with Client(server.address, None) as client:
        assert refused(client.post("/api/v1/auth/link", json=body, headers={"Origin": "https://evil.org"}))
        assert set(client.post("/api/v1/auth/link", json=body).json()) == {"csrf_token", "expires_in"}
        change = {"current": PASSWORD, "new": "another password"}
        assert refused(client.post("/api/v1/me/password", json=change))
        answer = client.post("/api/v1/me/password", json=change, headers=token(client))
        assert set(answer.json()) == {"csrf_token", "expires_in"}
        assert client.get(ME).status_code == 200
        everywhere = "/api/v1/auth/logout-everywhere"
        assert client.post(everywhere, headers=token(client)).status_code == 204
        assert not client.cookies


def test_answers_stay_out_of_caches(browser: Client) -> None:
    assert browser.get(ME).headers["Cache-Control"] == "no-store"
    assert browser.get("/v1/models").headers["Cache-Control"] == "no-store"


# --- S13: other sites ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"Origin": "{own}"}, True),
        ({"Origin": APP}, True),
        ({"Origin": APP, "Sec-Fetch-Site": "cross-site"}, True),
        # A proxy took TLS away, and names another host to us; the browser knows better.
        ({"Origin": "https://tiro.example.org", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.org"}, False),
        ({"Origin": "{own}.evil.org"}, False),
        ({"Origin": "{own}1"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": APP + ".evil.org"}, False),
        ({"Origin": "{own}", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_where_a_request_comes_from(
    browser: Client, server: ThreadServer, headers: dict[str, str], good: bool
) -> None:
    sent = {name: value.format(own=server.address) for name, value in headers.items()}
    answer = make_key(browser, **token(browser), **sent)
    assert answer.status_code == 201 if good else refused(answer)
    with Client(server.address, None) as client:
        answer = client.post(LOGIN, json=WHO, headers=sent)
        assert answer.status_code == 200 if good else refused(answer)
        assert bool(client.cookies) == good


def test_no_origin_is_let_in_by_default(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert HttpSettings().origin_list == ()
    assert HttpSettings(origins=f"{APP}, http://localhost:3000").origin_list == (APP, "http://localhost:3000")
    for wrong in ("*", "https://*", "app.example.org", APP + "/", "null"):
        with pytest.raises(ValidationError):
            HttpSettings(origins=wrong)


def ask_first(client: Client, origin: str) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrf-token"}
    return client.options(KEYS, headers={"Origin": origin, **asked})


def test_listed_origins_are_named_and_no_others(browser: Client) -> None:
    allowed = ask_first(browser, APP)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == APP
    answer = browser.get(ME, headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer.headers["Vary"]
    for origin in ("https://evil.org", "null"):
        assert "Access-Control-Allow-Origin" not in ask_first(browser, origin).headers
        assert "Access-Control-Allow-Origin" not in browser.get(ME, headers={"Origin": origin}).headers


def test_without_the_setting_nobody_elsewhere_reads_anything(server: ThreadServer) -> None:
    async def visit() -> None:
        runtime: Any = SimpleNamespace(
            **{name: getattr(server.runtime, name) for name in server.runtime.__slots__}
        )
        runtime.browsers = Browsers(b"secret")
        transport = httpx.ASGITransport(create_app(runtime))
        async with httpx.AsyncClient(transport=transport, base_url="http://tiro") as client:
            answer = await client.get("/version", headers={"Origin": APP})
            assert not [name for name in answer.headers if name.startswith("access-control")]

    asyncio.run(visit())


# --- S13: sockets ----------------------------------------------------------------------------------


def sockets() -> FastAPI:
    """The smallest application with a socket; the dependency is that of every socket."""
    app = FastAPI()
    app.state.runtime = SimpleNamespace(browsers=Browsers(b"secret", [APP]))
    problems.install(app)

    @app.websocket("/live")
    async def live(websocket: WebSocket, _: Annotated[None, Depends(own_origin)]) -> None:
        await websocket.accept()
        await websocket.close()

    return app


@pytest.mark.parametrize(
    ("scheme", "origin", "status"),
    [
        ("ws", None, 101),
        ("ws", "http://tiro:8000", 101),
        ("wss", "https://tiro:8000", 101),
        ("ws", APP, 101),
        ("ws", "http://evil.org", 403),
        ("ws", "http://tiro", 403),
        ("wss", "http://tiro:8000", 403),
        ("ws", "null", 403),
    ],
)
def test_foreign_sockets(scheme: str, origin: str | None, status: int) -> None:
    headers = [(b"host", b"tiro:8000")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": scheme,
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
        "server": ("tiro", 8000),
        "extensions": {"websocket.http.response": {}},
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(sockets()(scope, receive, send))  # type: ignore[arg-type]
    if status == 101:
        assert sent[0]["type"] == "websocket.accept"
    else:
        assert [message["type"].rpartition(".")[2] for message in sent] == ["start", "body"]
        assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", status)
        assert b"cross_site_request" in sent[1]["body"]
