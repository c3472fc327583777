"""Second factors: what is asked for, what a code is good for, and how often one may guess."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.databases import everything_in
from tests.serving import Client, ThreadServer

from tiro.features.accounts.factors import codes
from tiro.kit import clock

LOGIN, SECOND, FACTOR = "/api/v1/auth/login", "/api/v1/auth/second-factor", "/api/v1/me/second-factor"
PASSWORD = "correct horse battery"


class Clock:
    """Goes on when told to. It begins a minute back, for nobody takes an access token of the future."""

    def __init__(self) -> None:
        self.time = clock.now() - timedelta(minutes=1)

    def now(self) -> datetime:
        return self.time

    def wait(self, **time: float) -> None:
        self.time += timedelta(**time)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    slow = Clock()
    monkeypatch.setattr(clock, "now", slow.now)
    return slow


class Person:
    """Somebody with a password and an app, and their client, which is logged in."""

    def __init__(self, server: ThreadServer, name: str, time: Clock) -> None:
        self.server, self.name, self.time = server, name, time
        self.user = server.runtime.users.create(name)
        server.runtime.accounts.set_password(name, PASSWORD)
        self.client = Client(server.address, None)
        self.use(self.client.post(LOGIN, json=self.credentials).json())
        made = self.client.post(FACTOR, json={"password": PASSWORD})
        assert made.status_code == 200, made.text
        self.enrolment = made.json()
        self.secret = base64.b32decode(self.enrolment["secret"])
        assert self.client.get(FACTOR).json() == {"enabled": False, "recovery_codes": 0}
        confirmed = self.client.post(f"{FACTOR}/confirm", json={"code": self.code()})
        assert confirmed.status_code == 200, confirmed.text
        self.recovery: list[str] = confirmed.json()["codes"]
        time.wait(seconds=30)

    @property
    def credentials(self) -> dict[str, str]:
        return {"name": self.name, "password": PASSWORD}

    def use(self, pair: dict[str, Any]) -> None:
        self.client.headers["Authorization"] = f"Bearer {pair['access_token']}"

    def code(self, later: int = 0) -> str:
        return codes.code_at(self.secret, int(self.time.now().timestamp()) // 30 + later)

    def wrong(self) -> str:
        near = {self.code(later) for later in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(10)) if code not in near)

    def challenge(self) -> str:
        answer = self.client.post(LOGIN, json=self.credentials)
        assert answer.status_code == 202
        assert set(answer.json()) == {"challenge", "expires_in"}
        return str(answer.json()["challenge"])

    def answer(self, challenge: str, code: str, **more: Any) -> httpx.Response:
        return self.client.post(SECOND, json={"challenge": challenge, "code": code, **more})

    def enter(self, code: str) -> int:
        return self.answer(self.challenge(), code).status_code


@pytest.fixture
def person(server: ThreadServer, request: pytest.FixtureRequest, time: Clock) -> Iterator[Person]:
    somebody = Person(server, request.node.name, time)
    yield somebody
    somebody.client.close()


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_codes_of_rfc_6238(moment: int, code: str) -> None:
    """The last six of the eight digits in its table for SHA-1."""
    assert codes.code_at(b"12345678901234567890", moment // 30) == code


def test_what_an_app_is_given(person: Person) -> None:
    enrolment = person.enrolment
    assert enrolment["address"].startswith(f"otpauth://totp/Tiro:{person.name}?secret={enrolment['secret']}")
    assert enrolment["qr"].startswith("<svg")
    assert len(person.secret) == 20
    assert len(set(person.recovery)) == 10
    assert person.client.get(FACTOR).json() == {"enabled": True, "recovery_codes": 10}
    listed = person.server.client.get("/api/v1/users").json()["items"]
    assert [user["second_factor"] for user in listed if user["name"] == person.name] == [True]


def test_the_password_alone_opens_nothing(person: Person) -> None:
    challenge = person.challenge()
    with Client(person.server.address, challenge) as client:
        assert client.get("/api/v1/me").status_code == 401
    refresh = {"refresh_token": challenge}
    assert person.client.post("/api/v1/auth/refresh", json=refresh).status_code == 401
    answer = person.answer(challenge, person.code())
    assert answer.status_code == 200
    person.use(answer.json())
    assert person.client.get("/api/v1/me").status_code == 200


def test_the_second_step_of_a_browser(person: Person) -> None:
    with Client(person.server.address, None) as client:
        step = client.post(LOGIN, json={**person.credentials, "cookie": True})
        assert step.status_code == 202
        assert not client.cookies
        body = {"challenge": step.json()["challenge"], "code": person.code(), "cookie": True}
        assert client.post(SECOND, json=body, headers={"Origin": "https://evil.org"}).status_code == 403
        assert "csrf_token" in client.post(SECOND, json=body).json()
        assert client.get("/api/v1/me").status_code == 200


def test_other_ways_in_ask_too(person: Person, time: Clock) -> None:
    """A link and a change of password begin a login; neither goes around the second step."""
    accounts, user_id = person.server.runtime.accounts, person.user.id
    link = {"token": accounts.link(user_id), "password": PASSWORD}
    answer = person.client.post("/api/v1/auth/link", json=link)
    assert answer.status_code == 202
    _, key = person.server.runtime.keys.create("key", person.name)
    with Client(person.server.address, key) as client:
        change = {"current": PASSWORD, "new": PASSWORD}
        assert client.post("/api/v1/me/password", json=change).status_code == 202
    # The last password change ended the challenge before it.
    assert person.answer(answer.json()["challenge"], person.code()).status_code == 401
    logged_in = person.answer(person.challenge(), person.code())
    person.use(logged_in.json())
    assert person.client.post("/api/v1/me/password", json=change).status_code == 200


def test_a_code_is_used_once(person: Person, time: Clock) -> None:
    first, second = person.challenge(), person.challenge()
    code = person.code()
    assert person.answer(first, code).status_code == 200
    assert person.answer(second, code).status_code == 401
    assert person.answer(second, person.code(-1)).status_code == 401  # an older one even less
    time.wait(seconds=30)
    assert person.answer(second, person.code()).status_code == 200
    assert person.answer(second, person.code(1)).status_code == 401  # and so is a challenge


def test_a_code_is_used_once_by_two_at_the_same_moment(person: Person) -> None:
    challenges, code = [person.challenge() for _ in range(4)], person.code()
    with ThreadPoolExecutor() as threads:
        answers = threads.map(lambda challenge: person.answer(challenge, code).status_code, challenges)
    assert sorted(answers) == [200, 401, 401, 401]


def test_the_code_that_confirmed_logs_nobody_in(server: ThreadServer, time: Clock) -> None:
    person = Person(server, "confirmed", time)
    time.wait(seconds=-30)
    assert person.enter(person.code()) == 401
    person.client.close()


@pytest.mark.parametrize(("later", "status"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
def test_clocks_may_differ_a_little(person: Person, time: Clock, later: int, status: int) -> None:
    time.wait(minutes=5)
    assert person.enter(person.code(later)) == status


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "0x12ab", "-12345", "12 34 5"])
def test_what_is_no_code(person: Person, code: str) -> None:
    assert person.enter(code) == 401


def test_codes_are_read_as_apps_show_them(person: Person) -> None:
    code = person.code()
    assert person.enter(f" {code[:3]} {code[3:]} ") == 200


def test_recovery_codes(person: Person) -> None:
    first, second = person.recovery[:2]
    assert person.enter(first) == 200
    assert person.enter(first) == 401
    assert person.enter(second.upper().replace("-", " ")) == 200
    assert person.client.get(FACTOR).json()["recovery_codes"] == 8
    stored = everything_in(person.server.runtime.settings.data)
    assert person.recovery[5].encode() not in stored
    assert person.enrolment["secret"].encode() not in stored


def test_another_persons_recovery_code(person: Person, server: ThreadServer, time: Clock) -> None:
    other = Person(server, "other", time)
    assert person.enter(other.recovery[0]) == 401
    assert other.enter(other.recovery[0]) == 200
    other.client.close()


def test_guesses_at_one_challenge(person: Person) -> None:
    challenge = person.challenge()
    for _ in range(5):
        assert person.answer(challenge, "no-code").status_code == 401
    assert person.answer(challenge, person.code()).status_code == 401
    assert person.enter(person.code()) == 200


def test_guesses_at_one_account(person: Person, time: Clock) -> None:
    """Ever new challenges do not help: after five wrong codes each guess must wait, and longer each time."""
    for _ in range(5):
        assert person.enter(person.wrong()) == 401
    answer = person.answer(person.challenge(), person.code())
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_guesses")
    assert int(answer.headers["Retry-After"]) == 30
    time.wait(seconds=31)
    assert person.enter(person.wrong()) == 401
    time.wait(seconds=31)
    assert person.enter(person.code()) == 429
    time.wait(days=1)
    for _ in range(10):
        assert person.enter(person.wrong()) == 401
        time.wait(hours=1, seconds=1)
    assert person.enter(person.code()) == 200
    time.wait(seconds=30)
    assert person.enter(person.wrong()) == 401  # all is forgiven
    assert person.enter(person.code()) == 200


def test_whoever_guesses_shuts_nobody_out(person: Person, time: Clock) -> None:
    for _ in range(5):
        person.enter(person.wrong())
    assert person.enter(person.code()) == 429
    assert person.enter(person.recovery[0]) == 200
    assert person.enter(person.code()) == 200


def test_a_challenge_ends(person: Person, time: Clock) -> None:
    challenge = person.challenge()
    time.wait(minutes=5, seconds=1)
    assert person.answer(challenge, person.code()).status_code == 401


def test_a_challenge_of_somebody_disabled(person: Person) -> None:
    challenge = person.challenge()
    disabled = {"disabled": True}
    person.server.client.patch(f"/api/v1/users/{person.user.id}", json=disabled)
    assert person.answer(challenge, person.code()).status_code == 401


def test_disabling_takes_password_and_code(person: Person, time: Clock) -> None:
    disable = f"{FACTOR}/disable"
    for password, code in ((PASSWORD, person.wrong()), ("wrong password", person.code())):
        refused = person.client.post(disable, json={"password": password, "code": code})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert person.client.post(FACTOR, json={"password": PASSWORD}).status_code == 409
    good = {"password": PASSWORD, "code": person.code()}
    assert person.client.post(disable, json=good).status_code == 204
    assert person.client.post(LOGIN, json=person.credentials).status_code == 200
    assert person.client.post(disable, json=good).status_code == 409


def test_renewed_recovery_codes(person: Person) -> None:
    renew = f"{FACTOR}/recovery-codes"
    given = {"password": PASSWORD, "code": person.code()}
    made = person.client.post(renew, json=given).json()["codes"]
    assert not set(made) & set(person.recovery)
    assert person.client.post(renew, json=given).status_code == 403
    assert person.enter(person.recovery[0]) == 401
    assert person.enter(made[0]) == 200


def test_a_stolen_key_enrols_nobody(person: Person) -> None:
    _, key = person.server.runtime.keys.create("key", person.name)
    with Client(person.server.address, key) as client:
        answer = client.post(FACTOR, json={"password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_stolen_login_enrols_nobody(server: ThreadServer) -> None:
    server.runtime.users.create("sam")
    server.runtime.accounts.set_password("sam", PASSWORD)
    with Client(server.address, server.runtime.accounts.login("sam", PASSWORD).access) as client:
        assert client.post(FACTOR, json={"password": "wrong password"}).status_code == 403
        assert client.post(f"{FACTOR}/confirm", json={"code": "123456"}).status_code == 409
        first = client.post(FACTOR, json={"password": PASSWORD}).json()["secret"]
        assert client.post(FACTOR, json={"password": PASSWORD}).json()["secret"] != first
        assert client.post(f"{FACTOR}/confirm", json={"code": "no"}).status_code == 422
        assert client.post(LOGIN, json={"name": "sam", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("who", ["admin", "operator"])
def test_a_lost_phone(person: Person, who: str) -> None:
    challenge, accounts = person.challenge(), person.server.runtime.accounts
    if who == "admin":
        path = f"/api/v1/users/{person.user.id}/second-factor"
        assert person.server.client.delete(path).status_code == 204
    else:
        accounts.reset_factor_of(person.name)
    assert person.client.get("/api/v1/me").status_code == 401
    assert person.answer(challenge, person.code()).status_code == 401
    assert person.client.post(LOGIN, json=person.credentials).status_code == 200
