"""Which addresses are public, and which spellings are addresses at all."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.conftest import make_settings

from tiro.egress.addresses import Allowed, bare, is_public
from tiro.egress.targets import target_of
from tiro.errors import InvalidRequest

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.8.9.10 168.63.129.16 169.254.169.254
169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1
203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1
2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%1 fec0::1
ff02::1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.169.0.1
223.255.255.255 ::ffff:8.8.8.8 64:ff9b::808:808 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1
"""


@pytest.mark.parametrize(("texts", "public"), [(INSIDE, False), (PUBLIC, True)])
def test_public_or_not(texts: str, public: bool) -> None:
    assert [text for text in texts.split() if is_public(ip_address(text)) is not public] == []


def test_wrapped_addresses_are_called_at_what_they_wrap() -> None:
    texts = ("::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860::1")
    assert [str(bare(ip_address(text))) for text in texts] == ["8.8.8.8", "8.8.8.8", "2001:4860::1"]


def test_what_an_operator_allows() -> None:
    allowed = Allowed.of(["10.1.0.0/16", "127.0.0.1", "fd00::/8", "Hooks.Corp.Example."])
    yes = ("10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "fd12::1")
    no = ("10.2.0.1", "127.0.0.2", "fe80::1", "169.254.169.254")
    assert [allowed.address(ip_address(text)) for text in yes + no] == [True] * 4 + [False] * 4
    assert allowed.host("hooks.corp.example")
    assert not allowed.host("x.hooks.corp.example")
    with pytest.raises(ValueError, match="does not appear"):
        Allowed.of(["10.1.0.0/33"])


@pytest.mark.parametrize("allow", ["10.1.0.0/33", "10.1", "1.2.3.4.5", "fe80:::1"])
def test_settings_that_are_no_networks(tmp_path: Path, allow: str) -> None:
    with pytest.raises(ValidationError):
        make_settings(tmp_path, egress={"allow": f"hooks.example, {allow}"})


def test_settings_as_an_operator_writes_them(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, egress={"allow": "10.1.0.0/16, hooks.example fd00::/8,::1"})
    assert settings.egress.allowed == ("10.1.0.0/16", "hooks.example", "fd00::/8", "::1")
    assert Allowed.of(settings.egress.allowed).host("hooks.example")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://",
        "http:///path",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.0x1/",
        "http://1.2.3.4.5/",
        "http://example.1/",
        "http://256.1.1.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:eighty/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: 1",
        "http://example.com/\x00",
        "http://127%2e0.0.1/",
        "http://[::1/",
        "http://[127.0.0.1]/",
        "http://-example.com/",
        "http://exa..mple.com/",
        "http://" + "a" * 64 + ".com/",
        "http://example.com/" + "a" * 2048,
    ],
)
def test_no_addresses(url: str) -> None:
    with pytest.raises(InvalidRequest):
        target_of(url)


def test_addresses_are_read_once() -> None:
    target = target_of("HTTPS://Example.COM:8443/a b?c=d#e".replace(" ", "%20"))
    assert (target.scheme, target.host, target.port, target.path) == (
        "https",
        "example.com",
        8443,
        b"/a%20b?c=d",
    )
    assert target.authority == "example.com:8443"
    assert target_of("http://example.com.").host == "example.com"
    assert target_of("http://bücher.example/").host == "xn--bcher-kva.example"
    assert (target_of("http://[::1]:8/").host, target_of("http://[::1]:8/").authority) == ("::1", "[::1]:8")
    # Full stops of other scripts are full stops, and what they make is checked as what it is.
    assert target_of("http://127。0。0。1/").host == "127.0.0.1"
    assert target.join("../x y").url == "https://example.com:8443/x%20y"
