"""A server to fuzz, and the fuzzer beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.serving import thread_server
from tiro import logs
from tiro.egress.addresses import Allowed
from tiro.egress.base import Address
from tiro.egress.client import Answer, Caps, Egress
from tiro.egress.targets import Target
from tiro.errors import HostUnreachable
from tiro.features.accounts import tokens
from tiro.features.accounts.service import Tokens
from tiro.features.users.service import Role
from tiro.settings import Settings

PASSWORD = "correct horse battery"
CONFIG = Path(__file__).with_name("schemathesis.toml")


def fuzz(folder: Path, *, seconds: int, seed: int | None = None, rest: Sequence[str] = ()) -> int:
    """Fuzz a server whose data are in ``folder`` for so long; the exit code of schemathesis, 0 where it has
    found nothing."""
    logs.configure("error", "text")
    settings = Settings(
        data=folder / "data",
        engine={"default": "echo", "download": False},  # type: ignore[arg-type]
        # Generated waits are long, and nothing is learnt while a request waits.
        limits={"address": 0, "key": 0, "guesses_address": 0, "guesses_name": 0},  # type: ignore[arg-type]
        http={"max_wait": 2, "max_upload": 50_000_000},  # type: ignore[arg-type]
    )
    with thread_server(settings) as server:
        runtime = server.runtime
        runtime.sender._egress = Closed(NoNames(), Allowed.of(()))
        own = [user.id for user in runtime.users.list()] + [key.id for key in runtime.keys.list()]
        user = runtime.users.create("fuzz", Role.USER)
        runtime.accounts.set_password("fuzz", PASSWORD)
        own.append(user.id)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tokens, "LIFE", timedelta(seconds=2 * seconds))
            login = runtime.accounts.login("fuzz", PASSWORD)
        assert isinstance(login, Tokens)
        command = [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(CONFIG)),
            *("run", f"{server.address}/openapi.json", f"--max-time={seconds}"),
            *([f"--seed={seed}"] if seed is not None else []),
            *rest,
        ]
        environment = os.environ | {
            "FUZZ_KEY": server.key,
            "FUZZ_LOGIN": login.access,
            "FUZZ_PASSWORD": PASSWORD,
            "FUZZ_OWN": " ".join(own),
            "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        }
        return subprocess.run(command, env=environment, check=False, cwd=CONFIG.parents[2]).returncode


class NoNames:
    """Knows no name, and asks nobody."""

    async def resolve(self, host: str) -> Sequence[Address]:
        raise HostUnreachable


class Closed(Egress):
    """Checks addresses as ever, and calls none: a generated one may be somebody's."""

    @asynccontextmanager
    async def _send(
        self, method: str, target: Target, headers: Mapping[str, str], content: bytes, caps: Caps
    ) -> AsyncIterator[Answer]:
        raise HostUnreachable
        yield
