"""What it costs a request to be known by its key, among many keys and while keys are being used."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from bench.report import Spread, say, table, target
from tiro.bootstrap.server import open_database
from tiro.db.session import Database
from tiro.db.tables import KeyTable
from tiro.errors import Unauthorized
from tiro.features.keys.service import KeyService
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.settings import Settings

_KEYS = 10_000
_ROUNDS = 3_000
_WARM = 200
_LIMIT = 1.0


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        database = open_database(Settings(data=Path(name)))
        try:
            keys = KeyService(database, UserService(database))
            row, secret = keys.create("bench")
            _fill(database, row.owner_id)
            valid = _spread(lambda: keys.authenticate(secret))
            unknown = _spread(lambda: _refused(keys))
            started = time.perf_counter()
            keys.note_uses()
            noted = 1000 * (time.perf_counter() - started)
        finally:
            database.close()
    say(f"Looking up a key among {_KEYS:,}, {_ROUNDS:,} times on one thread. Milliseconds.")
    say()
    rows = [
        [what, f"{spread.median:.3f}", f"{spread.percentile(0.95):.3f}", f"{spread.values[-1]:.3f}"]
        for what, spread in (("a valid key", valid), ("an unknown key", unknown))
    ]
    table(["key", "p50", "p95", "worst"], rows)
    say(f"Writing down once a minute when keys were used took {noted:.1f} ms, beside the requests.")
    say()
    target("p50 of a valid key", valid.median, _LIMIT, "ms", 3)


def _refused(keys: KeyService) -> None:
    try:
        keys.authenticate("tiro_unknown")
    except Unauthorized:
        return
    raise AssertionError("an unknown key was accepted")


def _spread(action: Callable[[], object]) -> Spread:
    times: list[float] = []
    for _ in range(_WARM + _ROUNDS):
        started = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - started))
    return Spread(times[_WARM:])


def _fill(database: Database, owner_id: str) -> None:
    now = clock.now()
    rows = [
        {
            "id": f"key-{number}",
            "owner_id": owner_id,
            "name": "key",
            "prefix": "tiro_",
            "digest": f"{number:064x}",
            "scopes": "read write",
            "created_at": now,
        }
        for number in range(_KEYS)
    ]
    with database.write() as session:
        session.execute(insert(KeyTable), rows)
