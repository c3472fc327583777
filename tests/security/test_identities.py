"""Logins at an identity provider: a real one on loopback, and everything in which it or others may lie."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from pydantic import ValidationError
from tests.conftest import make_settings
from tests.identityprovider import CLIENT, SECRET, Claims, IdentityProvider, identity_provider
from tests.serving import Client, ThreadServer, thread_server

from tiro.api import webapp
from tiro.api.app import create_app
from tiro.features.accounts.identities import provider as provider_module
from tiro.features.users.service import Role
from tiro.settings import OidcSettings

START, BACK, ME = "/api/v1/auth/oidc/login", "/api/v1/auth/oidc/callback", "/api/v1/me"
LINK, PASSWORD = "/api/v1/me/identities", "correct horse battery"


@pytest.fixture(scope="module")
def shared() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def provider(shared: IdentityProvider) -> IdentityProvider:
    shared.be_honest()
    return shared


@pytest.fixture(scope="module")
def server(shared: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    oidc = {"issuer": shared.issuer, "client_id": CLIENT, "client_secret": SECRET}
    with thread_server(make_settings(tmp_path_factory.mktemp("data"), oidc=oidc)) as running:
        running.runtime.users.create("jane")
        running.runtime.accounts.set_password("jane", PASSWORD)
        running.runtime.users.create("mallory")
        running.runtime.accounts.set_password("mallory", PASSWORD)
        yield running


@pytest.fixture
def browser(server: ThreadServer) -> Iterator[Client]:
    with Client(server.address, None) as client:
        yield client


@pytest.fixture
def linked(server: ThreadServer, provider: IdentityProvider) -> None:
    """jane is linked to who is logged in at the provider; mallory to nobody."""
    jane = next(user for user in server.runtime.users.list() if user.name == "jane")
    if not server.runtime.identities.of_user(jane.id):
        assert link(server, "jane").status_code == 303


def link(server: ThreadServer, name: str) -> httpx.Response:
    with Client(server.address, None) as client:
        client.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD, "cookie": True})
        client.headers["X-CSRF-Token"] = client.cookies["tiro-csrf"]
        began = client.post(LINK, json={"password": PASSWORD})
        assert began.status_code == 200, began.text
        return client.get(away(client, began.json()["address"]))


def away(client: Client, address: str) -> str:
    """Visit the provider: where it sends the browser back to."""
    answer = client.get(address)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def come_back(client: Client, start: str = START) -> str:
    began = client.get(start)
    assert began.status_code == 302, began.text
    return away(client, began.headers["Location"])


def log_in(client: Client) -> httpx.Response:
    return client.get(come_back(client))


def refused(answer: httpx.Response, client: Client) -> bool:
    outside = client.get(ME).status_code == 401
    return (answer.status_code, answer.json()["code"], outside) == (403, "identity_refused", True)


def test_a_login(server: ThreadServer, browser: Client, linked: None) -> None:
    assert browser.get("/api/v1/auth/methods").json()["oidc"] == server.runtime.identities.issuer
    answer = browser.get(come_back(browser, f"{START}?to=/docs?a=b"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/docs?a=b")
    assert browser.get(ME).json()["name"] == "jane"
    assert browser.post("/api/v1/keys", json={}).status_code == 403
    token = {"X-CSRF-Token": browser.cookies["tiro-csrf"]}
    assert browser.post("/api/v1/keys", json={}, headers=token).status_code == 201
    assert set(browser.cookies) == {"tiro-access", "tiro-refresh", "tiro-csrf"}


@pytest.mark.parametrize("home", ["/", "/docs"])
def test_who_names_no_page_gets_to_the_app_where_there_is_one(
    server: ThreadServer, browser: Client, linked: None, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr(webapp, "is_built", lambda: home == "/")
    assert create_app(server.runtime).state.home == home
    # The same of a server that runs.
    monkeypatch.undo()
    expected = "/" if webapp.is_built() else "/docs"
    assert log_in(browser).headers["Location"] == expected


def test_an_attempt_tells_the_provider_nothing_of_use(browser: Client, provider: IdentityProvider) -> None:
    began = browser.get(START)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(began.headers["Location"]).query).items()}
    assert sent["scope"] == "openid profile"
    again = parse_qs(urlsplit(browser.get(START).headers["Location"]).query)
    for name in ("state", "nonce", "code_challenge"):
        assert len(sent[name]) == 43
        assert again[name] != [sent[name]]
    assert "httponly" in began.headers["Set-Cookie"].lower()
    assert "samesite=lax" in began.headers["Set-Cookie"].lower()


def test_a_name_is_no_identity(
    server: ThreadServer, browser: Client, provider: IdentityProvider, linked: None
) -> None:
    """The provider's `owner`, or an e-mail address of theirs, is nobody here."""
    provider.subject, provider.name = "somebody else", "owner"
    answer = log_in(browser)
    assert (answer.status_code, answer.json()["code"]) == (403, "identity_unknown")
    assert browser.get(ME).status_code == 401


TWISTS: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: claims | {"nonce": "another"},
    "no nonce": lambda claims: {name: claims[name] for name in claims if name != "nonce"},
    "no nonce supported, it says": lambda claims: claims | {"nonce": "another", "nonce_supported": False},
    "another audience": lambda claims: claims | {"aud": "elsewhere"},
    "another audience, and us as the party": lambda claims: claims | {"aud": "elsewhere", "azp": CLIENT},
    "no audience": lambda claims: {name: claims[name] for name in claims if name != "aud"},
    "others in the audience": lambda claims: claims | {"aud": [CLIENT, "elsewhere"], "azp": "elsewhere"},
    "another issuer": lambda claims: claims | {"iss": "https://elsewhere.example.org"},
    "past": lambda claims: claims | {"exp": int(time.time()) - 61},
    "no end": lambda claims: {name: claims[name] for name in claims if name != "exp"},
    "an end that is no number": lambda claims: claims | {"exp": "tomorrow"},
    "of the future": lambda claims: claims | {"iat": int(time.time()) + 600},
    "no subject": lambda claims: {name: claims[name] for name in claims if name != "sub"},
    "an empty subject": lambda claims: claims | {"sub": ""},
    "a subject that is no text": lambda claims: claims | {"sub": 248289761001},
    "another access token's hash": lambda claims: claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("twist", TWISTS)
def test_claims_that_do_not_hold(
    browser: Client, provider: IdentityProvider, linked: None, twist: str
) -> None:
    provider.twist = TWISTS[twist]
    assert refused(log_in(browser), browser)


def part(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def unsigned(provider: IdentityProvider) -> Callable[[Claims], str]:
    return lambda claims: f"{part({'alg': 'none', 'kid': 'first'})}.{part(claims)}."


def by_public_key(provider: IdentityProvider) -> Callable[[Claims], str]:
    """The old trick: an HMAC whose secret is the key that everybody knows."""
    secret = provider.key.as_pem(private=False)

    def sign(claims: Claims) -> str:
        text = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
        signature = hmac.digest(secret, text.encode(), "sha256")
        return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    return sign


def by_client_secret(provider: IdentityProvider) -> Callable[[Claims], str]:
    secret = OctKey.import_key(SECRET.ljust(32, "0"))
    return lambda claims: jwt.encode({"alg": "HS256"}, claims, secret)


def by_another_key(provider: IdentityProvider) -> Callable[[Claims], str]:
    key = ECKey.generate_key("P-256", parameters={"kid": "first"})
    return lambda claims: jwt.encode({"alg": "ES256", "kid": "first"}, claims, key)


def by_an_unknown_key(provider: IdentityProvider) -> Callable[[Claims], str]:
    key = ECKey.generate_key("P-256", parameters={"kid": "unknown"})
    return lambda claims: jwt.encode({"alg": "ES256", "kid": "unknown"}, claims, key)


def by_a_key_of_its_own(provider: IdentityProvider) -> Callable[[Claims], str]:
    key = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "jwk": key.as_dict(private=False)}
    return lambda claims: jwt.encode(header, claims, key)


def altered(provider: IdentityProvider) -> Callable[[Claims], str]:
    def sign(claims: Claims) -> str:
        head, _, signature = provider.signed(claims | {"sub": "somebody"}).split(".")
        return f"{head}.{part(claims)}.{signature}"

    return sign


SIGNINGS = {
    "alg none": unsigned,
    "the public key as a secret": by_public_key,
    "the client's secret": by_client_secret,
    "another key": by_another_key,
    "an unknown key": by_an_unknown_key,
    "a key in the header": by_a_key_of_its_own,
    "altered": altered,
    "no token": lambda _provider: lambda _claims: "not.a.token",
}


@pytest.mark.parametrize("signing", SIGNINGS)
def test_signatures_that_do_not_hold(
    browser: Client, provider: IdentityProvider, linked: None, signing: str
) -> None:
    provider.sign = SIGNINGS[signing](provider)
    assert refused(log_in(browser), browser)


def test_a_login_comes_back_once(browser: Client, linked: None) -> None:
    address = come_back(browser)
    carried = dict(browser.cookies)
    assert browser.get(address).status_code == 303
    browser.cookies.clear()
    browser.cookies.update(carried)
    answer = browser.get(address)
    assert refused(answer, browser)
    assert "used already" in answer.json()["detail"]


def test_a_login_comes_back_to_its_browser(server: ThreadServer, browser: Client, linked: None) -> None:
    """Else somebody could log others in as themselves, and read what those then record."""
    address = come_back(browser)
    with Client(server.address, None) as other:
        assert refused(other.get(address), other)
        come_back(other)
        assert refused(other.get(address), other)
    for state in ("", "x" * 43, "é"):
        code = parse_qs(urlsplit(address).query)["code"][0]
        assert refused(browser.get(BACK, params={"state": state, "code": code}), browser)
    assert browser.get(address).status_code == 303


def test_a_login_takes_ten_minutes_at_most(
    browser: Client, linked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from tiro.features.accounts.identities import attempts

    monkeypatch.setattr(attempts, "LIFE", timedelta(seconds=-1))
    with Client(str(browser.base_url), None) as client:
        began = client.get(START)
        past = began.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        address = away(client, began.headers["Location"])
        answer = client.get(address, headers={"Cookie": f"tiro-oidc={past}"})
        assert refused(answer, client)
        assert "too long" in answer.json()["detail"]


def test_a_forged_attempt(server: ThreadServer, browser: Client, linked: None) -> None:
    """An access token is signed with another key, and a link's user cannot be written in."""
    access = server.runtime.accounts.login("jane", PASSWORD).access
    browser.cookies.set("tiro-oidc", access)
    assert refused(browser.get(BACK, params={"state": "x", "code": "x"}), browser)


def test_what_the_provider_says_no_to(browser: Client, provider: IdentityProvider, linked: None) -> None:
    provider.denies = True
    answer = log_in(browser)
    assert refused(answer, browser)
    assert "access_denied" in answer.json()["detail"]
    provider.denies = False
    address = come_back(browser)
    provider.codes.clear()
    answer = browser.get(address)
    assert refused(answer, browser)
    assert "invalid_grant" in answer.json()["detail"]
    address = come_back(browser).replace("iss=", "iss=https%3A%2F%2Felsewhere")
    assert refused(browser.get(address), browser)


PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.skipif(not webapp.is_built(), reason="The web app is not built: make web.")
def test_a_person_who_is_refused_lands_on_the_sign_in_page(
    server: ThreadServer, browser: Client, provider: IdentityProvider, linked: None
) -> None:
    def told(address: str) -> str:
        answer = browser.get(address, headers=PERSON)
        assert (answer.status_code, browser.get(ME).status_code) == (303, 401)
        return str(answer.headers["Location"])

    provider.denies = True
    assert told(come_back(browser)) == "/?refused=identity_refused"
    provider.denies = False
    provider.subject = "somebody else"
    assert told(come_back(browser)) == "/?refused=identity_unknown"
    assert told(f"{BACK}?state=&error=<b>") == "/?refused=identity_refused"
    known = server.runtime.identities._provider
    assert known is not None
    known._metadata, known._away_until, provider.status = None, 0.0, 500
    assert told(START) == "/?refused=identity_provider_away"
    known._away_until, provider.status = 0.0, 200
    # What a program asks for is answered as ever.
    assert browser.get(come_back(browser)).json()["code"] == "identity_unknown"


def test_another_clients_secret(
    server: ThreadServer, browser: Client, linked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.runtime.identities._provider, "_client_secret", "another")
    answer = log_in(browser)
    assert refused(answer, browser)
    assert "invalid_client" in answer.json()["detail"]
    assert "TIRO_OIDC_CLIENT_SECRET" in answer.json()["detail"]


@pytest.mark.parametrize("to", ["https://evil.org", "//evil.org", "/\\evil.org", "docs", "", "/a\nb", "/\tb"])
def test_no_login_ends_elsewhere(browser: Client, to: str) -> None:
    assert browser.get(START, params={"to": to}).status_code == 422


def test_other_keys(
    server: ThreadServer,
    browser: Client,
    provider: IdentityProvider,
    linked: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are asked for when a token names one that is not known, but not for every forged one."""
    before = provider.key
    known = server.runtime.identities._provider
    assert known is not None
    provider.key = ECKey.generate_key("P-256", parameters={"kid": "second"})
    try:
        asked = provider.asked.count("/keys")
        known._keys_at = time.monotonic()
        assert refused(log_in(browser), browser)
        assert provider.asked.count("/keys") == asked
        monkeypatch.setattr(provider_module, "_KEYS_AGAIN_SECONDS", -1.0)
        assert log_in(browser).status_code == 303
        assert provider.asked.count("/keys") == asked + 1
    finally:
        provider.key = before
        known._keys = None


def test_linking(server: ThreadServer, browser: Client, provider: IdentityProvider, linked: None) -> None:
    stolen = link(server, "mallory")
    assert (stolen.status_code, stolen.json()["code"]) == (409, "conflict")
    assert link(server, "jane").status_code == 303
    with Client(server.address, server.runtime.accounts.login("jane", PASSWORD).access) as client:
        assert [item["subject"] for item in client.get(LINK).json()["items"]] == [provider.subject]
        assert client.post(LINK, json={"password": "wrong password"}).status_code == 403
        assert client.delete(LINK).status_code == 204
        assert client.get(LINK).json()["items"] == []
    assert log_in(browser).status_code == 403


def test_who_is_disabled_or_unlinked_stays_out(
    server: ThreadServer, browser: Client, provider: IdentityProvider
) -> None:
    provider.subject = "dora"
    user = server.runtime.users.create("dora")
    server.runtime.accounts.set_password("dora", PASSWORD)
    link(server, "dora")
    assert log_in(browser).status_code == 303
    assert browser.get(ME).status_code == 200
    path = f"/api/v1/users/{user.id}"
    server.client.patch(path, json={"disabled": True})
    assert browser.get(ME).status_code == 401
    assert log_in(browser).status_code == 403
    server.client.patch(path, json={"disabled": False})
    assert log_in(browser).status_code == 303
    assert server.client.delete(f"{path}/identities").status_code == 204
    assert browser.get(ME).status_code == 401
    assert log_in(browser).status_code == 403


def test_whoever_comes_is_registered_where_that_is_set(
    server: ThreadServer, browser: Client, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.runtime.identities, "_register", True)
    names = []
    for subject, name in (("a", "jane"), ("b", "owner"), ("c", "\u202eeve\n"), ("d", ""), ("a", "renamed")):
        provider.subject, provider.name = subject, name
        assert log_in(browser).status_code == 303
        me = browser.get(ME).json()
        names.append(me["name"])
        assert me["scopes"] == ["read", "write", "live"]
    assert names == ["jane 2", "owner 2", "eve", "user", "jane 2"]
    assert all(user.role == Role.USER for user in server.runtime.users.list() if user.name in names)
    # They have no password, so the identity is all they have.
    token = {"X-CSRF-Token": browser.cookies["tiro-csrf"]}
    assert browser.delete(LINK, headers=token).status_code == 409


def test_the_provider_is_away(
    server: ThreadServer, browser: Client, provider: IdentityProvider, linked: None
) -> None:
    known = server.runtime.identities._provider
    assert known is not None

    def forget() -> None:
        known._metadata = known._keys = None
        known._away_until = 0.0

    forget()
    for status, named in ((500, provider.issuer), (404, provider.issuer), (200, "https://elsewhere.org")):
        provider.status, provider.named = status, named
        asked = len(provider.asked)
        for _ in range(2):  # the second time nobody is asked, and nobody waits
            answer = browser.get(START)
            assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_away")
            assert len(provider.asked) == asked + 1
        forget()
    provider.be_honest()
    address = come_back(browser)
    forget()
    provider.status = 500
    answer = browser.get(address)
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_away")
    provider.be_honest()
    forget()
    assert log_in(browser).status_code == 303


def test_settings_that_do_not_hold() -> None:
    good = {"issuer": "https://id.example.org", "client_id": "tiro"}
    assert OidcSettings(**good).issuer == good["issuer"]  # type: ignore[arg-type]
    assert OidcSettings().issuer is None
    for wrong in (
        {"issuer": "http://id.example.org"},
        {"issuer": "ftp://127.0.0.1"},
        {"client_id": ""},
        {"scopes": "profile"},
    ):
        with pytest.raises(ValidationError):
            OidcSettings(**good | wrong)  # type: ignore[arg-type]
