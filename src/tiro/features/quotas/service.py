"""What a user may store, send in a day, and have at work at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import QuotaTable
from tiro.errors import AudioQuotaExceeded, JobQuotaExceeded, StorageQuotaExceeded, TooManyUploads
from tiro.features.quotas import repository
from tiro.kit import clock

_SOON = 10.0
"""Seconds after which a job may have ended."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes of recordings, minutes of audio in a day (UTC), jobs that wait or run, unfinished uploads. 0 is
    no limit."""

    storage: int
    minutes: float
    jobs: int
    uploads: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user has of all that: ``reserved`` bytes are those of unfinished uploads, and ``ends`` is when
    the day does."""

    storage: int
    reserved: int
    minutes: float
    jobs: int
    uploads: int
    ends: datetime


class QuotaService:
    """Quotas. What is asked for in a writing session holds exactly, whoever else asks at the same time.

    Args:
        default: the quota of everybody for whom an admin has set no other.
    """

    def __init__(self, database: Database, default: Quota) -> None:
        self._database = database
        self._default = default

    def quota(self, session: Session, user_id: str) -> Quota:
        return self._merged(repository.of_user(session, user_id))

    def overview(self, user_id: str) -> tuple[Quota, Usage]:
        """What the user may have, and has."""
        now = clock.now()
        with self._database.read() as session:
            uploads, reserved = repository.on_the_way(session, user_id)
            usage = Usage(
                storage=repository.stored_bytes(session, user_id),
                reserved=reserved,
                minutes=repository.audio_seconds(session, user_id, _day(now)) / 60,
                jobs=repository.active_jobs(session, user_id),
                uploads=uploads,
                ends=_end_of_day(now),
            )
            return self.quota(session, user_id), usage

    def set_for(self, user_id: str) -> dict[str, float | None]:
        """What an admin has set for the user, by the names of ``Quota``'s fields; None where nothing."""
        with self._database.read() as session:
            return _given(repository.of_user(session, user_id))

    def all_set(self) -> dict[str, dict[str, float | None]]:
        """The same of all users for whom something is set, by their ids."""
        with self._database.read() as session:
            return {user_id: _given(row) for user_id, row in repository.everyone(session).items()}

    def changing(self, user_id: str, values: Mapping[str, float | None]) -> Callable[[Session], None]:
        """Sets some for one user in the transaction to which it is given; with None the default holds
        again."""

        def change(session: Session) -> None:
            if values:
                known = _given(repository.of_user(session, user_id))
                repository.put(session, QuotaTable(user_id=user_id, **(known | dict(values))))

        return change

    # --- at the doors -------------------------------------------------------------------------------

    def admit(self, user_id: str, size: int) -> None:
        """Look, before a body is read, whether a recording of ``size`` bytes or more could be taken in.
        Raises as ``require``."""
        with self._database.read() as session:
            self.require(session, user_id, size=max(size, 1))

    def require(self, session: Session, user_id: str, *, size: int, seconds: float = 0.0) -> None:
        """One more recording of ``size`` bytes and ``seconds``, with its job. An upload that becomes one must
        count as finished already.

        Raises:
            StorageQuotaExceeded, AudioQuotaExceeded, JobQuotaExceeded
        """
        quota = self.quota(session, user_id)
        self._require_room(session, user_id, quota, size)
        self._require_work(session, user_id, quota, seconds)

    def require_work(self, session: Session, user_id: str, seconds: float) -> None:
        """One more job on a recording that is there. Raises AudioQuotaExceeded, JobQuotaExceeded."""
        self._require_work(session, user_id, self.quota(session, user_id), seconds)

    def require_upload(self, session: Session, user_id: str, size: int) -> None:
        """One more unfinished upload. Raises TooManyUploads, StorageQuotaExceeded."""
        quota = self.quota(session, user_id)
        if quota.uploads:
            count, _ = repository.on_the_way(session, user_id)
            if count >= quota.uploads:
                raise TooManyUploads(
                    f"You have {count} unfinished uploads, and {quota.uploads} are allowed. Finish some, or "
                    "end them with DELETE."
                )
        self._require_room(session, user_id, quota, size)

    def grant(self, session: Session, user_id: str, granted: int, wanted: int, step: int) -> int | None:
        """How long an upload may become that already may have ``granted`` bytes and shall have ``wanted``: a
        ``step`` more where there is room, so that not every part has to ask. None where there is no limit.
        Raises StorageQuotaExceeded."""
        quota = self.quota(session, user_id)
        if not quota.storage:
            return None
        if wanted <= granted:
            return granted
        try:
            self._require_room(session, user_id, quota, wanted + step - granted)
        except StorageQuotaExceeded:
            self._require_room(session, user_id, quota, wanted - granted)
            return wanted
        return wanted + step

    def count_audio(self, session: Session, user_id: str, seconds: float) -> None:
        """A job on so many seconds, as the file claims, was taken in."""
        repository.add_audio(session, user_id, _day(clock.now()), seconds)

    def settle_audio(self, session: Session, recording_id: str, seconds: float) -> None:
        """The job is done: what the recording has in truth counts, and no longer what its file claimed."""
        found = repository.claimed(session, recording_id)
        if found is not None:
            owner_id, claimed = found
            repository.add_audio(session, owner_id, _day(clock.now()), seconds - claimed)

    # --- inside -------------------------------------------------------------------------------------

    def _require_room(self, session: Session, user_id: str, quota: Quota, size: int) -> None:
        if not quota.storage:
            return
        _, reserved = repository.on_the_way(session, user_id)
        used = repository.stored_bytes(session, user_id) + reserved
        if used + size > quota.storage:
            raise StorageQuotaExceeded(
                f"Your recordings and unfinished uploads have {used:,} bytes, and {quota.storage:,} are "
                f"allowed. {size:,} more do not fit. Delete some, or ask an admin for more."
            )

    def _require_work(self, session: Session, user_id: str, quota: Quota, seconds: float) -> None:
        now = clock.now()
        if quota.minutes:
            used = repository.audio_seconds(session, user_id, _day(now)) / 60
            if used >= quota.minutes or used + seconds / 60 > quota.minutes:
                raise AudioQuotaExceeded(
                    f"You have sent {used:.1f} of {quota.minutes:g} minutes of audio today (UTC), and this "
                    f"recording has {seconds / 60:.1f}. Go on tomorrow, or ask an admin for more.",
                    retry_after=(_end_of_day(now) - now).total_seconds(),
                )
        if quota.jobs:
            active = repository.active_jobs(session, user_id)
            if active >= quota.jobs:
                raise JobQuotaExceeded(
                    f"{active} jobs of yours wait or run, and {quota.jobs} are allowed at once. Send the "
                    "recording again when one has ended.",
                    retry_after=_SOON,
                )

    def _merged(self, row: QuotaTable | None) -> Quota:
        set_here = {name: value for name, value in _given(row).items() if value is not None}
        return Quota(**(asdict(self._default) | set_here))


def _given(row: QuotaTable | None) -> dict[str, float | None]:
    return {field.name: getattr(row, field.name, None) for field in fields(Quota)}


def _day(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"


def _end_of_day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
