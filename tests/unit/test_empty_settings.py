"""Compose and Kubernetes pass on what nobody has set as an empty text."""

from __future__ import annotations

import pytest

from tiro.settings import Settings


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIRO_HTTP_PORT", "TIRO_AUTH_SECRET", "TIRO_RETENTION_MEDIA_DAYS", "TIRO_DATA"):
        monkeypatch.setenv(name, "")
    settings = Settings(_env_file=None)
    unset = Settings.model_construct()
    assert settings.http.port == unset.http.port
    assert settings.auth.secret is None
    assert settings.retention.media_days is None
    assert settings.data == unset.data
