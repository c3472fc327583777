from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests import tinywhisper

from tiro.engines import download, registry
from tiro.engines.base import EngineOptions
from tiro.engines.registry import EngineSpec, Resolved, resolve
from tiro.errors import ModelUnavailable, UnknownEngine


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No hub, and nothing in the shared cache."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(tmp_path / "models")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("echo", EngineSpec("echo")),
        (" Whisper:small ", EngineSpec("whisper", "small")),
        ("whisper:", EngineSpec("whisper")),
        ("whisper:/models/a:b", EngineSpec("whisper", "/models/a:b")),
    ],
)
def test_specs_are_parsed(text: str, spec: EngineSpec) -> None:
    assert EngineSpec.parse(text) == spec
    assert EngineSpec.parse(str(spec)) == spec


def test_our_engines_are_found_like_any_other() -> None:
    assert {"echo", "pocketsphinx", "whisper"} <= registry.providers().keys()


def test_a_broken_stranger_is_left_out_with_the_reason() -> None:
    points = [
        EntryPoint("absent", "no_such_package:PROVIDER", registry.GROUP),
        EntryPoint("wrong", "tiro.engines.registry:GROUP", registry.GROUP),
        EntryPoint("echo", "tiro.engines.echo:PROVIDER", registry.GROUP),
    ]
    found = registry.load_all(points)
    assert list(found.engines) == ["echo"]
    assert "no_such_package" in found.broken["absent"]
    assert "lacks" in found.broken["wrong"]


def test_auto_without_a_model_is_the_loud_fallback(options: EngineOptions) -> None:
    resolved = resolve("auto", options)
    assert resolved.spec == EngineSpec("pocketsphinx")
    assert resolved.notice is not None
    assert resolved.notice.code == "fallback_engine"
    for what in ("28 %", "English only", "tiro models pull small"):
        assert what in resolved.notice.message
    assert resolve("pocketsphinx", options).notice == resolved.notice


@pytest.mark.parametrize("text", ["auto", "whisper"])
def test_auto_prefers_the_default_model_then_the_best_present(options: EngineOptions, text: str) -> None:
    tinywhisper.make(options.models / "tiny")
    assert resolve(text, options) == Resolved(EngineSpec("whisper", "tiny"))
    (options.models / "base").symlink_to(options.models / "tiny")
    assert resolve(text, options) == Resolved(EngineSpec("whisper", "base"))
    assert resolve(text, options, "tiny") == Resolved(EngineSpec("whisper", "tiny"))


@pytest.mark.parametrize("text", ["auto", "whisper", "whisper:small"])
def test_a_model_that_can_be_fetched_is(
    options: EngineOptions, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "reachable", lambda hubs: ["a hub"])
    assert resolve(text, options) == Resolved(EngineSpec("whisper", "small"), needs_download=True)


def test_no_download_where_it_is_forbidden(options: EngineOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "reachable", lambda hubs: ["a hub"])
    forbidden = EngineOptions(options.models, download=False)
    assert resolve("auto", forbidden).spec == EngineSpec("pocketsphinx")
    with pytest.raises(ModelUnavailable):
        resolve("whisper:small", forbidden)


def test_a_missing_model_says_what_to_do(options: EngineOptions) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        resolve("whisper:base", options)
    assert "tiro models pull base" in caught.value.message
    assert str(options.models / "base") in caught.value.message
    with pytest.raises(ModelUnavailable, match="no folder"):
        resolve("whisper:/nowhere/at-all", options)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ekko", "echo, openai, pocketsphinx, whisper"),
        ("whisper:huge", "large-v3"),
        ("echo:x", "echo:0.5"),
        ("", "auto"),
    ],
)
def test_an_unknown_engine_names_those_that_exist(options: EngineOptions, text: str, named: str) -> None:
    with pytest.raises(UnknownEngine) as caught:
        resolve(text, options)
    assert named in caught.value.message
