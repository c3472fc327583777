"""All tables. Importing this package makes the metadata complete."""

from tiro.db.tables.answers import KeptAnswerTable
from tiro.db.tables.audit import AuditTable
from tiro.db.tables.base import Table
from tiro.db.tables.batches import BatchFileTable, BatchTable
from tiro.db.tables.counters import CounterTable
from tiro.db.tables.defaults import TranscriptionDefaultsTable
from tiro.db.tables.events import EventTable
from tiro.db.tables.factors import LoginChallengeTable, RecoveryCodeTable, SecondFactorTable
from tiro.db.tables.identities import IdentityTable, UsedAttemptTable
from tiro.db.tables.jobs import JobTable, RoundTable, WindowTable, WorkerTable
from tiro.db.tables.keys import IdempotencyTable, KeyTable
from tiro.db.tables.logins import LoginTable, PasswordLinkTable, RefreshTokenTable
from tiro.db.tables.models import ModelDownloadTable
from tiro.db.tables.notes import CommentTable, TagTable
from tiro.db.tables.peaks import PeaksTable
from tiro.db.tables.quotas import AudioDayTable, QuotaTable
from tiro.db.tables.recordings import RecordingTable
from tiro.db.tables.retention import RetentionTable
from tiro.db.tables.schema import SchemaTable
from tiro.db.tables.sharing import GroupTable, MemberTable, ShareLinkTable, ShareTable
from tiro.db.tables.transcripts import EditTable, SegmentTable, TranscriptTable
from tiro.db.tables.uploads import UploadTable
from tiro.db.tables.users import UserTable
from tiro.db.tables.webhooks import DeliveryTable, WebhookTable

__all__ = [
    "AudioDayTable",
    "AuditTable",
    "BatchFileTable",
    "BatchTable",
    "CommentTable",
    "CounterTable",
    "DeliveryTable",
    "EditTable",
    "EventTable",
    "GroupTable",
    "IdempotencyTable",
    "IdentityTable",
    "JobTable",
    "KeptAnswerTable",
    "KeyTable",
    "LoginChallengeTable",
    "LoginTable",
    "MemberTable",
    "ModelDownloadTable",
    "PasswordLinkTable",
    "PeaksTable",
    "QuotaTable",
    "RecordingTable",
    "RecoveryCodeTable",
    "RefreshTokenTable",
    "RetentionTable",
    "RoundTable",
    "SchemaTable",
    "SecondFactorTable",
    "SegmentTable",
    "ShareLinkTable",
    "ShareTable",
    "Table",
    "TagTable",
    "TranscriptTable",
    "TranscriptionDefaultsTable",
    "UploadTable",
    "UsedAttemptTable",
    "UserTable",
    "WebhookTable",
    "WindowTable",
    "WorkerTable",
]
