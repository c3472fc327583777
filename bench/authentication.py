"""What it costs a request to be known by its key or login, and whether a login tells which names exist."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from bench.report import Spread, say, table, target
from tiro.bootstrap.data import open_database
from tiro.bootstrap.server import build_accounts
from tiro.db.session import Database
from tiro.db.tables import KeyTable
from tiro.errors import Unauthorized
from tiro.features.accounts.service import AccountService, Tokens
from tiro.features.keys.service import KeyService
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.settings import Settings

_KEYS = 10_000
_ROUNDS = 3_000
_WARM = 200
_LIMIT = 1.0
_LOGINS = 40
_APART = 5.0
_PASSWORD = "correct horse battery"


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        settings = Settings(data=Path(name))
        database = open_database(settings)
        try:
            keys, accounts = KeyService(database, UserService(database)), build_accounts(settings, database)
            row, secret = keys.create("bench")
            _fill(database, row.owner_id)
            accounts.set_password("owner", _PASSWORD)
            begun = accounts.login("owner", _PASSWORD)
            assert isinstance(begun, Tokens)
            access = begun.access
            spreads = {
                "a valid key": _spread(lambda: keys.authenticate(secret)),
                "an unknown key": _spread(lambda: _refused(lambda: keys.authenticate("tiro_unknown"))),
                "an access token": _spread(lambda: accounts.authenticate(access)),
            }
            started = time.perf_counter()
            keys.note_uses()
            noted = 1000 * (time.perf_counter() - started)
            known, unknown = _logins(accounts)
        finally:
            database.close()
    say(f"Looking up a key among {_KEYS:,}, {_ROUNDS:,} times on one thread. Milliseconds.")
    say()
    rows = [
        [what, f"{spread.median:.3f}", f"{spread.percentile(0.95):.3f}", f"{spread.values[-1]:.3f}"]
        for what, spread in spreads.items()
    ]
    table(["sent", "p50", "p95", "worst"], rows)
    say(f"Writing down once a minute when keys were used took {noted:.1f} ms, beside the requests.")
    say()
    target("p50 of a valid key", spreads["a valid key"].median, _LIMIT, "ms", 3)
    apart = 100 * abs(statistics.mean(known) / statistics.mean(unknown) - 1)
    say(f"A wrong password takes {statistics.mean(known):.1f} ms of processor time with a known name and")
    say(f"{statistics.mean(unknown):.1f} ms with an unknown one; means of {_LOGINS} each, interleaved.")
    say()
    target("difference of the means", apart, _APART, "%", 1)


def _logins(accounts: AccountService) -> tuple[list[float], list[float]]:
    """The processor's time, for the machine's load would drown the difference."""
    times: dict[str, list[float]] = {"owner": [], "nobody": []}

    def fail(name: str) -> None:
        started = time.process_time()
        _refused(lambda: accounts.login(name, "wrong password"))
        times[name].append(1000 * (time.process_time() - started))

    for turn in range(_LOGINS):
        for name in ("owner", "nobody") if turn % 2 else ("nobody", "owner"):
            fail(name)
    return times["owner"], times["nobody"]


def _refused(action: Callable[[], object]) -> None:
    try:
        action()
    except Unauthorized:
        return
    raise AssertionError("it was accepted")


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
