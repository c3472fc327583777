"""PostgreSQL: its address, its connections, its locks, its errors. The driver is loaded on first use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, func, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from tiro.errors import DatabaseBusy, DatabaseRefused, InvalidRequest, MissingExtra, StorageFull, TiroError

_WRITER, _UPGRADE = 0x7469726F01, 0x7469726F02
"""Advisory locks of the whole database: "tiro", and a number."""

_LOG = 0x7469726F
"""The class of the advisory locks of single recordings, whose second part is a hash of the id."""

_HELD = "tiro.logs_held"

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A process that is stopped in the middle of a transaction must not keep all others waiting.
SHARED_WRITE = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '15s'"
# Sent as one message, so that to be alone costs no more trips than a plain BEGIN.
WRITE = f"{SHARED_WRITE}; SELECT pg_advisory_xact_lock({_WRITER})"
UPGRADE = (
    "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; "
    f"SELECT pg_advisory_xact_lock({_WRITER}), pg_advisory_xact_lock({_UPGRADE}); "
    # A change of a table that waits behind a long reader holds up all who come after.
    "SET LOCAL lock_timeout = '10s'"
)

_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=60s "
    # What a process that was killed had asked for does not go on, with its locks, until it is done.
    "-c client_connection_check_interval=2s"
)
_CONNECT: dict[str, object] = {
    "application_name": "tiro",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed in seconds, not in the hours of TCP's own.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

_AWAY = {
    "25P03",  # idle_in_transaction_session_timeout
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "53000",  # insufficient_resources
    "53200",  # out_of_memory
    "53300",  # too_many_connections
    "53400",  # configuration_limit_exceeded
    "55P03",  # lock_not_available, for lock_timeout too
    "58000",  # system_error
    "58030",  # io_error
}
_AWAY_CLASSES = {
    "08",  # connection_exception
    "57",  # operator_intervention: statement_timeout, shutdown, starting up
}
_REFUSED = {"28000", "28P01", "3D000", "42501"}  # not let in, no such database, not allowed to
_FULL = {"53100"}
_TOO_LARGE = {"22003", "2201W", "2201X"}  # numeric_value_out_of_range, in LIMIT and in OFFSET
_UNKEEPABLE = {"22021", "22P05"}  # character_not_in_repertoire, untranslatable_character

# While a connection is being made, the library gives no code, only the server's sentence.
_REFUSING_WORDS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")
_FULL_WORDS = "No space left on device"


def postgresql_url(url: URL) -> URL:
    """The address with the driver that Tiro brings along."""
    return url.set(drivername="postgresql+psycopg")


def make_engine(url: URL, connections: int) -> Engine:
    """Raises MissingExtra where the driver is not installed; each connection DatabaseRefused where the
    database does not keep UTF-8."""
    given = url.query.get("options", "")
    # Those of the address come last, so that they hold.
    options = f"{_OPTIONS} {given if isinstance(given, str) else ' '.join(given)}".strip()
    named: dict[str, object] = {key: value for key, value in _CONNECT.items() if key not in url.query}
    try:
        engine = create_engine(
            postgresql_url(url).difference_update_query(["options"]),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=5,
            pool_use_lifo=True,
            connect_args={**named, "options": options},
        )
    except ImportError as err:
        raise MissingExtra(
            "PostgreSQL needs packages that are not installed: pip install 'tiro[cluster]'."
        ) from err

    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        raw: Any = connection
        # A cluster that was made without a locale has SQL_ASCII, which keeps bytes and knows no letters.
        if (encoding := raw.info.parameter_status("server_encoding")) != "UTF8":
            raise DatabaseRefused(
                f"The database's encoding is {encoding}; Tiro needs UTF8. Make it anew: "
                "createdb --owner tiro --template template0 --encoding UTF8 tiro"
            )
        # Transactions are begun by `Database`, which says of what kind.
        raw.autocommit = True

    # Before SQLAlchemy's own first look, which does not understand such a database.
    event.listen(engine, "connect", connect, insert=True)
    return engine


def lock_log(session: Session, recording_id: str) -> None:
    """Hold a recording's log until the transaction ends. A sequence gives its numbers out of the order in
    which transactions commit; whoever follows the log would step over the one that commits late."""
    held: set[str] = session.info.setdefault(_HELD, set())
    if recording_id not in held:
        session.execute(select(func.pg_advisory_xact_lock(_LOG, func.hashtext(recording_id))))
        held.add(recording_id)


def translate(error: BaseException | None) -> TiroError | None:
    """What an error of the driver is to Tiro; None where it is a mistake of ours."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    code, words = error.sqlstate or "", str(error)
    lost = not code and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    found: TiroError | None = None
    if code in _FULL or (lost and _FULL_WORDS in words):
        found = StorageFull()
    elif code in _REFUSED or (lost and any(part in words for part in _REFUSING_WORDS)):
        found = DatabaseRefused()
    elif code in _TOO_LARGE:
        found = InvalidRequest("A number is too large to be kept. Send a smaller one.")
    elif code in _UNKEEPABLE:
        found = InvalidRequest("A text has a character in it that cannot be kept. Send it without.")
    elif lost or code in _AWAY or code[:2] in _AWAY_CLASSES:
        found = DatabaseBusy(retry_after=2)
    return found
