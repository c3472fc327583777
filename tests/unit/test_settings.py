"""Settings that cannot be: refused at the start, with what they must be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tiro.settings import Settings

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"auth": {"secret": "a1b2c3d4e5f6g7h8"}}, "32 characters or more"),
    ({"auth": {"secret": "ab" * 20}}, "placeholder"),
    ({"auth": {"secret": "please-change-me-0123456789-abcdefgh"}}, "placeholder"),
    ({"oidc": {"issuer": "http://id.example.org", "client_id": "tiro"}}, "https://"),
    ({"oidc": {"issuer": "id.example.org", "client_id": "tiro"}}, "https://"),
    ({"oidc": {"issuer": "https://id.example.org"}}, "TIRO_OIDC_CLIENT_ID"),
    ({"oidc": {"scopes": "profile email"}}, "the scope openid"),
    ({"openai": {"fallback": "openai"}}, "another engine"),
    ({"openai": {"fallback": " OpenAI:whisper-1"}}, "another engine"),
    ({"broker": {"url": "amqp://host"}}, "redis://"),
    ({"egress": {"allow": "10.0.0.0/33"}}, "10.0.0.0/33"),
    ({"egress": {"allow": "hooks.example.org, 10.0.0.256"}}, "10.0.0.256"),
    ({"http": {"proxies": "127.0.0.1 proxy.example.org"}}, "proxy.example.org"),
    ({"http": {"origins": "*"}}, "pattern"),
    ({"http": {"origins": "https://*.example.org"}}, "pattern"),
    ({"http": {"origins": "https://app.example.org/path"}}, "pattern"),
    ({"http": {"port": 65536}}, "65535"),
    ({"engine": {"hubs": "hub.example.org"}}, "pattern"),
    ({"traces": {"endpoint": "jaeger:4318"}}, "pattern"),
    ({"log": {"format": "xml"}}, "json"),
    ({"jobs": {"parallel": 0}}, "1"),
    ({"retention": {"recording_days": 0}}, "1"),
    ({"storage": {"url": "ftp://host/recordings"}}, "s3://"),
]


@pytest.mark.parametrize(("values", "reason"), REFUSED, ids=[str(values) for values, _ in REFUSED])
def test_what_cannot_be(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, **values)
    (error,) = refused.value.errors()
    assert reason in error["msg"]


def test_what_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TIRO_AUTH_SECRET": "0f8a1c0be37d45628a4b7c19e0d2f36a",
        "TIRO_OIDC_ISSUER": "http://127.0.0.1:9000",
        "TIRO_OIDC_CLIENT_ID": "tiro",
        "TIRO_BROKER_URL": "",
        "TIRO_HTTP_ORIGINS": "https://App.example.org, http://localhost:5173",
        "TIRO_HTTP_PROXIES": "10.0.0.5/8",
        "TIRO_EGRESS_ALLOW": "10.1.0.0/16, hooks.corp.example",
        "TIRO_ENGINE_HUBS": "https://a.example.org https://b.example.org",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.oidc.issuer == "http://127.0.0.1:9000"
    assert settings.broker.url is None
    assert settings.http.origin_list == ("https://app.example.org", "http://localhost:5173")
    assert [str(network) for network in settings.http.believed_proxies] == ["10.0.0.0/8"]
    assert settings.egress.allowed == ("10.1.0.0/16", "hooks.corp.example")
    assert settings.engine.hub_addresses == ("https://a.example.org", "https://b.example.org")
