"""S4: whatever users name, nothing inside is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TypeVar

import pytest
from tests.receiver import Message, Receiver, Reply, receiving

from tiro.egress.addresses import Allowed
from tiro.egress.base import Address
from tiro.egress.client import Answer, Caps, Egress
from tiro.egress.dns import SystemResolver
from tiro.egress.guard import Guard
from tiro.errors import AddressRefused, HostUnreachable, InvalidRequest, LimitExceeded, TiroError

_T = TypeVar("_T")
CAPS = Caps(seconds=60, size=1000)
PUBLIC = "93.184.215.14"


class Names:
    """Name servers of the test's own: each look-up of a name gives the next of its answers."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        if host not in self._answers:
            raise HostUnreachable
        left = self._answers[host]
        return [ip_address(text) for text in (left.pop(0) if len(left) > 1 else left[0])]


@pytest.fixture(scope="module")
def canary() -> Iterator[Receiver]:
    """Stands for all that is inside. Nobody may call it."""
    with receiving() as receiver:
        yield receiver


@contextmanager
def system() -> Iterator[SystemResolver]:
    resolver = SystemResolver()
    try:
        yield resolver
    finally:
        resolver.close()


def call(
    egress: Egress,
    url: str,
    read: Callable[[Answer], object] = lambda answer: answer.status,
    *,
    method: str = "GET",
    caps: Caps = CAPS,
    redirects: int = 0,
    headers: dict[str, str] | None = None,
) -> object:
    async def run() -> object:
        async with egress.open(method, url, caps=caps, redirects=redirects, headers=headers) as answer:
            found = read(answer)
            return await found if asyncio.iscoroutine(found) else found

    return asyncio.run(run())


TRICKS = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_spelling_leads_inside(canary: Receiver, trick: str) -> None:
    with system() as resolver, pytest.raises((AddressRefused, InvalidRequest)):
        call(Egress(resolver, Allowed()), trick.format(port=canary.port))
    assert canary.messages == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "0"])
def test_what_the_machine_resolves_is_checked_too(host: str) -> None:
    """Behind the reading of addresses there is a second wall."""
    with system() as resolver, pytest.raises(AddressRefused):
        asyncio.run(Guard(resolver, Allowed()).admit(host))


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["fe80::1%1"],
    ],
)
def test_a_name_that_leads_inside(canary: Receiver, answers: list[str]) -> None:
    names = Names(evil_example=[answers])
    with pytest.raises(AddressRefused) as refused:
        call(Egress(names, Allowed()), f"http://evil.example:{canary.port}/")
    assert answers[-1] not in refused.value.message
    assert names.asked == ["evil.example"]
    assert canary.messages == []


def test_a_name_that_changes_is_asked_once(canary: Receiver) -> None:
    """Rebinding: what is connected to is what was checked, not what the name says a moment later."""
    # To the machine itself, "localhost" is where the canary is.
    names = Names(localhost=[["127.0.0.2"], ["127.0.0.1"]])
    egress = Egress(names, Allowed.of(["127.0.0.2"]))
    with pytest.raises(HostUnreachable):  # it goes to 127.0.0.2, where nobody listens
        call(egress, f"http://localhost:{canary.port}/")
    assert names.asked == ["localhost"]
    with pytest.raises(AddressRefused):
        call(egress, f"http://localhost:{canary.port}/")
    assert canary.messages == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers(canary: Receiver, status: int) -> None:
    with receiving([Reply(status, {"Location": canary.url})]) as outside:
        egress = Egress(Names(outside_example=[["127.0.0.1"]]), Allowed.of(["outside.example"]))
        assert call(egress, f"http://outside.example:{outside.port}/") == status
    assert canary.messages == []


def test_each_hop_is_checked(canary: Receiver) -> None:
    """A caller that follows redirects is led inside by none of them."""
    names = Names(outside_example=[["127.0.0.1"]], evil_example=[["127.0.0.1"]])
    egress = Egress(names, Allowed.of(["outside.example"]))
    targets = [canary.url, f"http://evil.example:{canary.port}/", f"//localhost:{canary.port}/"]

    def script(message: Message) -> Reply:
        step = int(message.path[1:])
        return Reply(302, {"Location": "/1" if step == 0 else targets[step - 1]})

    with receiving(script) as outside:
        address = f"http://outside.example:{outside.port}/"
        for start in ("0", "2", "3"):
            with pytest.raises(TiroError) as refused:
                call(egress, address + start, redirects=3)
            assert isinstance(refused.value, AddressRefused | HostUnreachable)
        assert len(outside.messages) == 4
    assert canary.messages == []


def test_redirects_that_are_followed() -> None:
    names = Names(one_example=[["127.0.0.1"]], two_example=[["127.0.0.1"]])
    egress = Egress(names, Allowed.of(["127.0.0.1"]))
    secret = {"Authorization": "Bearer x", "X-Mark": "y"}
    with receiving() as two, receiving([Reply(302, {"Location": f"http://two.example:{two.port}/b"})]) as one:
        address = f"http://one.example:{one.port}/a"
        url = call(egress, address, lambda answer: answer.url, redirects=1, headers=secret)
        assert url == f"http://two.example:{two.port}/b"
        [first], [second] = one.messages, two.messages
    assert (first.headers["authorization"], first.headers["x-mark"]) == ("Bearer x", "y")
    assert ("authorization" in second.headers, second.headers["x-mark"]) == (False, "y")
    assert second.headers["host"] == f"two.example:{two.port}"

    def round_and_round(message: Message) -> Reply:
        return Reply(302, {"Location": message.path})

    with receiving(round_and_round) as loop:
        assert call(egress, f"http://one.example:{loop.port}/", redirects=2) == 302
        assert len(loop.messages) == 3
        assert call(egress, f"http://one.example:{loop.port}/", redirects=2, method="POST") == 302
        assert len(loop.messages) == 4


def test_what_the_operator_allows_is_called() -> None:
    with receiving() as inside, system() as resolver:
        url = f"http://localhost:{inside.port}/hook?a=b"
        for entry in ("127.0.0.0/8", "localhost"):
            allowed = Allowed.of([entry, "::1"])
            assert call(Egress(resolver, allowed), url) == 204
        with pytest.raises(AddressRefused):
            call(Egress(resolver, Allowed.of(["10.0.0.0/8"])), url)
        message = inside.messages[0]
    assert (message.path, message.headers["host"]) == ("/hook?a=b", f"localhost:{inside.port}")


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch, canary: Receiver) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, canary.url)
        monkeypatch.setenv(name.upper(), canary.url)
    with receiving() as inside:
        assert call(Egress(Names(), Allowed.of(["127.0.0.1"])), inside.url) == 204
        assert len(inside.messages) == 1
    assert canary.messages == []


def test_an_answer_costs_no_more_than_its_caps() -> None:
    egress = Egress(Names(), Allowed.of(["127.0.0.1"]))
    large = Reply(200, body=b"x" * 1001)
    with receiving([large, Reply(200, body=b"x" * 1000), large]) as inside:
        with pytest.raises(LimitExceeded):
            call(egress, inside.url, lambda answer: answer.body())
        assert call(egress, inside.url, lambda answer: answer.body()) == b"x" * 1000
        assert call(egress, inside.url, lambda answer: answer.head(10, 1)) == b"x" * 10
    hold = threading.Event()
    with receiving([Reply(hold=hold), Reply(hold=hold)]) as inside:
        for caps in (Caps(seconds=0.2, size=10), Caps(seconds=60, size=10, silence=0.2)):
            with pytest.raises(HostUnreachable, match="in time"):
                call(egress, inside.url, caps=caps)
        hold.set()


@contextmanager
def line_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """One connection, served as the test wants."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            serve(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


def test_an_answer_that_never_ends() -> None:
    """Its length is not announced, and it is cut off where it is too long."""

    def flood(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            pass

    egress = Egress(Names(), Allowed.of(["127.0.0.1"]))
    with line_server(flood) as port, pytest.raises(LimitExceeded):
        call(egress, f"http://127.0.0.1:{port}/", lambda answer: answer.body())


def test_an_answer_that_is_announced_as_too_long() -> None:
    """Nobody waits for its first byte."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        connection.recv(1)  # until the caller hangs up

    egress = Egress(Names(), Allowed.of(["127.0.0.1"]))
    with line_server(serve) as port, pytest.raises(LimitExceeded):
        call(egress, f"http://127.0.0.1:{port}/", lambda answer: answer.body())


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_is_no_answer(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    egress = Egress(Names(), Allowed.of(["127.0.0.1"]))
    with line_server(serve) as port, pytest.raises(HostUnreachable) as unreachable:
        call(egress, f"http://127.0.0.1:{port}/")
    assert "127.0.0.1 cannot be called" in unreachable.value.message


def test_tls_speaks_of_the_name() -> None:
    """The connection goes to the address that was checked; SNI and the certificate are the name's."""
    asked: list[str | None] = []

    def serve(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = lambda _socket, name, _context: asked.append(name)  # type: ignore[assignment]
        with pytest.raises(ssl.SSLError):  # it has no certificate, and the name is already told
            context.wrap_socket(connection, server_side=True)

    egress = Egress(Names(hooks_example=[["127.0.0.1"]]), Allowed.of(["127.0.0.1"]))
    with line_server(serve) as port, pytest.raises(HostUnreachable, match="TLS failed"):
        call(egress, f"https://hooks.example:{port}/")
    assert asked == ["hooks.example"]


def test_a_check_before_any_call(canary: Receiver) -> None:
    egress = Egress(Names(inside_example=[["10.0.0.1"]], outside_example=[[PUBLIC]]), Allowed())

    async def run() -> None:
        await egress.check("https://outside.example/")
        await egress.check("https://not-yet.example/")  # may be known later
        with pytest.raises(AddressRefused):
            await egress.check("https://inside.example/")
        with pytest.raises(AddressRefused):
            await egress.check(canary.url)

    asyncio.run(run())
    assert canary.messages == []
