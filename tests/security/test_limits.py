"""S12 and its kin: who asks too often is told so, and by whom a request comes nobody can make up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from tests.conftest import make_settings
from tests.serving import Client, thread_server

from tiro.api.app import create_app
from tiro.bootstrap import ports
from tiro.bootstrap.server import Runtime, build_runtime
from tiro.features.accounts.passwords import Passwords
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.settings import Settings

ME, LOGIN, PASSWORD = "/api/v1/me", "/api/v1/auth/login", "correct horse battery"
ADDRESS, KEY, GUESSES, WRONG = 12, 8, 5, 3
LIMITS = {"address": ADDRESS, "key": KEY, "guesses_address": GUESSES, "guesses_name": WRONG}
PROXY = "10.1.0.1"


@pytest.fixture(autouse=True, scope="module")
def _no_time_passes() -> Iterator[None]:
    """For the limits: on a busy machine what was taken would be back before it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "EmbeddedRateLimiter", partial(EmbeddedRateLimiter, now=lambda: 1000.0))
        yield


@dataclass
class House:
    """The application, asked from any address."""

    runtime: Runtime
    app: FastAPI
    visitors: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def ask(
        self, path: str = ME, peer: str | None = None, key: str | None = None, **request: Any
    ) -> httpx.Response:
        """From an address that nobody had before, where none is given."""
        number = next(self.visitors)
        peer = peer or f"192.0.{number // 250}.{number % 250}"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= request.pop("headers", {})
        method = "POST" if "json" in request else "GET"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(peer, 1000))
            async with httpx.AsyncClient(transport=transport, base_url="http://tiro.test") as client:
                return await client.request(method, path, headers=headers, **request)

        return asyncio.run(send())

    def log_in(self, name: str, password: str, peer: str | None = None) -> httpx.Response:
        return self.ask(LOGIN, peer, json={"name": name, "password": password})

    def person(self, name: str) -> str:
        """Somebody with a password; returns a key of theirs."""
        self.runtime.users.create(name)
        self.runtime.accounts.set_password(name, PASSWORD)
        return self.runtime.keys.create("key", name)[1]


@contextmanager
def housed(settings: Settings) -> Iterator[House]:
    runtime = build_runtime(settings)
    light = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    runtime.accounts._passwords = Passwords(light)
    try:
        yield House(runtime, create_app(runtime))
    finally:
        runtime.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    http = {"proxies": f"{PROXY}, 10.2.0.0/16"}
    with housed(make_settings(tmp_path_factory.mktemp("data"), limits=LIMITS, http=http)) as found:
        yield found


def statuses(answers: Iterator[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_one_address_asks_too_often(house: House) -> None:
    peer = "198.51.100.1"
    first = house.ask("/openapi.json", peer)
    assert first.headers["RateLimit-Policy"] == f'"address";q={ADDRESS};w=60'
    assert first.headers["RateLimit"].startswith(f'"address";r={ADDRESS - 1};t=')
    assert first.headers["RateLimit-Limit"] == str(ADDRESS)
    assert first.headers["RateLimit-Remaining"] == str(ADDRESS - 1)
    assert 1 <= int(first.headers["RateLimit-Reset"]) <= 60
    others = [house.ask("/openapi.json", peer) for _ in range(ADDRESS)]
    refused = others.pop()
    assert {answer.status_code for answer in others} == {200}
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60 / ADDRESS + 1
    assert house.ask("/openapi.json").status_code == 200
    for path in ("/live", "/ready"):
        assert house.ask(path, peer).status_code == 200


def test_one_key_asks_too_often_from_everywhere(house: House) -> None:
    _, key = house.runtime.keys.create("key")
    answers = [house.ask(key=key) for _ in range(KEY + 1)]
    assert statuses(iter(answers)) == [200] * KEY + [429]
    told = answers[0].headers
    assert told["RateLimit-Policy"] == f'"address";q={ADDRESS};w=60, "key";q={KEY};w=60'
    assert told["RateLimit-Limit"] == str(KEY)
    assert told["RateLimit-Remaining"] == str(KEY - 1)
    assert answers[-1].headers["RateLimit-Remaining"] == "0"
    error = house.ask("/v1/models", key=key)
    assert error.status_code == 429
    assert error.json()["error"]["code"] == "rate_limit_exceeded"
    assert error.json()["error"]["type"] == "rate_limit_error"
    assert int(error.headers["Retry-After"]) >= 1
    assert house.ask("/api/v1/health", key=key).status_code == 200
    assert house.ask(key=house.runtime.keys.create("another")[1]).status_code == 200


def test_a_network_of_ipv6_is_one_address(house: House) -> None:
    answers = (house.ask("/openapi.json", f"2001:db8:1:2::{n:x}") for n in range(ADDRESS + 1))
    assert statuses(answers) == [200] * ADDRESS + [429]
    assert house.ask("/openapi.json", "2001:db8:1:3::1").status_code == 200


def test_s12_nobody_makes_up_an_address(house: House) -> None:
    """The header changes with every request; the peer is no believed proxy."""
    answers = (
        house.ask("/openapi.json", "198.51.100.2", headers={"X-Forwarded-For": f"203.0.113.{n}"})
        for n in range(ADDRESS + 1)
    )
    assert statuses(answers) == [200] * ADDRESS + [429]


def test_s12_by_default_not_even_this_machine_is_believed(tmp_path: Path) -> None:
    """Asked of the real server: uvicorn believes this machine unless it is told not to."""
    with (
        thread_server(make_settings(tmp_path, limits=LIMITS)) as server,
        Client(server.address, None) as client,
    ):
        answers = (
            client.get("/openapi.json", headers={"X-Forwarded-For": f"203.0.113.{n}"})
            for n in range(ADDRESS + 1)
        )
        assert statuses(answers) == [200] * ADDRESS + [429]


@pytest.mark.parametrize(
    ("forwarded", "client", "other"),
    [
        ("{n}.2.3.4, {client}", "203.0.113.101", "203.0.113.201"),
        ("{n}.2.3.4, {client}, 10.2.3.4", "203.0.113.102", "203.0.113.202"),
        ("{n}.2.3.4, {client}:{n}", "203.0.113.103", "203.0.113.203"),
        ("{n}.2.3.4,[{client}]:{n}", "2001:db8:9::7", "2001:db8:a::7"),
        ("{n}.2.3.4, nonsense, {client}", "203.0.113.104", "203.0.113.204"),
    ],
)
def test_s12_behind_a_believed_proxy_its_word_counts(
    house: House, forwarded: str, client: str, other: str
) -> None:
    """What is to the left of the proxy's own entry was made up by the client."""

    def ask(n: int, address: str) -> httpx.Response:
        header = {"X-Forwarded-For": forwarded.format(n=n, client=address)}
        return house.ask("/openapi.json", PROXY, headers=header)

    assert statuses(ask(n, client) for n in range(ADDRESS + 1)) == [200] * ADDRESS + [429]
    assert ask(1, other).status_code == 200


def test_links_lead_where_the_believed_proxy_was_asked(house: House) -> None:
    _, key = house.runtime.keys.create("admin")
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "tiro.example",
        "X-Forwarded-For": "203.0.113.9",
    }

    def link(name: str, peer: str, **more: str) -> str:
        answer = house.ask("/api/v1/users", peer, key, json={"name": name}, headers=headers | more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["link"])

    assert link("anna", PROXY).startswith("https://tiro.example/password#")
    assert link("bert", "198.51.100.3").startswith("http://tiro.test/password#")
    nonsense = {"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "evil.example/x?"}
    assert link("carl", PROXY, **nonsense).startswith("http://tiro.test/password#")


def test_logins_from_one_address_are_guessed_slowly(house: House) -> None:
    house.person("dora")
    peer = "198.51.100.4"
    right = [house.log_in("dora", PASSWORD, peer) for _ in range(GUESSES)]
    assert {answer.status_code for answer in right} == {200}, "what is right costs nothing"
    wrong = [house.log_in(f"nobody {n}", "wrong password", peer) for n in range(GUESSES + 1)]
    assert statuses(iter(wrong)) == [401] * GUESSES + [429]
    assert wrong[-1].json()["code"] == "rate_limited"
    for path, body in (
        ("refresh", {"refresh_token": "unknown"}),
        ("link", {"token": "unknown", "password": "long enough"}),
    ):
        assert house.ask(f"/api/v1/auth/{path}", peer, json=body).status_code == 429
    assert house.log_in("dora", PASSWORD).status_code == 200


@pytest.mark.parametrize("name", ["emil", "nobody of this name"])
def test_logins_of_one_name_are_guessed_slowly_from_everywhere(house: House, name: str) -> None:
    if name == "emil":
        house.person(name)
    wrong = (house.log_in(name, f"wrong password {n}") for n in range(WRONG + 1))
    assert statuses(wrong) == [401] * WRONG + [429]
    assert house.log_in(name, PASSWORD).status_code == 429, "the right one is not tried either"


def test_guesses_at_once_do_not_pass(house: House) -> None:
    house.person("frida")

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(house.app, client=("198.51.100.5", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://tiro.test") as client:
            body = {"name": "frida", "password": "wrong password"}
            answers = await asyncio.gather(*(client.post(LOGIN, json=body) for _ in range(ADDRESS)))
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(crowd()) == [401] * WRONG + [429] * (ADDRESS - WRONG)


def test_ones_own_password_is_guessed_slowly(house: House) -> None:
    key = house.person("gerd")
    wrong = {"current": "wrong password", "new": "another password"}
    answers = (house.ask(ME + "/password", key=key, json=wrong) for _ in range(WRONG + 1))
    assert statuses(answers) == [403] * WRONG + [429]


def test_ones_own_password_is_guessed_slowly_beside_a_second_factor(house: House) -> None:
    house.person("hanna")
    access = house.log_in("hanna", PASSWORD).json()["access_token"]
    body = {"password": "wrong password", "code": "000000"}
    for path in ("", "/recovery-codes", "/disable"):
        house.ask(ME + "/second-factor" + path, key=access, json=body)
    last = [house.ask(ME + "/second-factor", key=access, json=body) for _ in range(WRONG)]
    assert [answer.status_code for answer in last][-1] == 429


def test_zero_is_no_limit(tmp_path: Path) -> None:
    with housed(make_settings(tmp_path, limits=dict.fromkeys(LIMITS, 0))) as house:
        _, key = house.runtime.keys.create("key")
        answers = [house.ask(peer="198.51.100.6", key=key) for _ in range(20)]
        assert statuses(iter(answers)) == [200] * 20
        assert "RateLimit" not in answers[0].headers
        wrong = (house.log_in("nobody", "wrong password", "198.51.100.6") for _ in range(8))
        assert statuses(wrong) == [401] * 8


def test_proxies_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="proxies"):
        make_settings(tmp_path, http={"proxies": "10.0.0.0/8, proxy.example"})
