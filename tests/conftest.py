"""Fixtures that all tests may use.

Tiro is imported where it is needed, not here: what only hands the tests out to others needs none of it, and
they wait for it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.databases import KEPT, SECRET, database_for

if TYPE_CHECKING:
    from tests.serving import ThreadServer
    from tiro.settings import Settings

# Nothing is left to chance, nor to how busy the machine is: what is tried depends on the test alone.
_STEADY: dict[str, Any] = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("short", max_examples=30, **_STEADY)
hypothesis.settings.register_profile("long", max_examples=500, **_STEADY)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


def pytest_configure() -> None:
    # A script's background has SIGINT ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.scheduling import ByFileAndService

    return ByFileAndService(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: it need not be looked through for what can go, again and again."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result


class _StandardError:
    """Whatever it is at the moment: a logger keeps the file that it began with, and pytest closes its own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@pytest.fixture(autouse=True, scope="session")
def _quiet_logs() -> Iterator[None]:
    from tiro import logs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "sys", SimpleNamespace(stderr=_StandardError()))
        logs.configure("error", "text")
        yield


@pytest.fixture(autouse=True, scope="session")
def _children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from tests.children import fresh_databases, shared_children

    with shared_children(), fresh_databases(tmp_path_factory.mktemp("database")):
        yield


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TIRO_") and name not in KEPT]:
        monkeypatch.delenv(name)


def make_settings(data: Path, **more: object) -> Settings:
    """Settings for a test: a folder of its own, no downloads, nothing of the machine's. The database is
    SQLite in that folder, or the one that `database_for` gives it."""
    from tiro.settings import Settings

    values: dict[str, object] = {"data": data, "engine": {"download": False}}
    if url := database_for(data):
        values["database"] = {"url": url}
    values |= more
    if "database" in values:
        values.setdefault("auth", {"secret": SECRET})
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """A server that the tests of one module share."""
    from tests.serving import thread_server

    with thread_server(make_settings(tmp_path_factory.mktemp("data"))) as running:
        yield running
