"""Everything that can go wrong, as one tree with stable codes.

Each error has a ``code`` that programs may rely on, a ``message`` for a person that says what to do
next, and an HTTP ``status``. Four renderers show it: problem+json, a WebSocket frame, an exit code of
the command line, and the error column of a job.
"""

from __future__ import annotations

from typing import ClassVar


class TiroError(Exception):
    """Base of all errors that Tiro raises on purpose.

    Args:
        message: one or two sentences for a person; defaults to the class's ``default``.
        retry_after: seconds after which the same call may succeed, where that is known.

    ``headers`` go with the HTTP answer, where the protocol asks for some.

    ``more`` goes into the HTTP answer's body beside the message, for programs.

    ``param`` is the field of the request that is to blame, where one is.

    ``transient`` says whether a job that met it is worth another attempt.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    transient: ClassVar[bool] = False
    default: ClassVar[str] = "Something went wrong inside Tiro. The server's log has the details."

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.message = message or self.default
        self.retry_after = retry_after
        self.param: str | None = None
        self.headers: dict[str, str] = {}
        self.more: dict[str, object] = {}
        super().__init__(self.message)


# --- what the caller sent -------------------------------------------------------------------------


class InvalidRequest(TiroError):
    code, status, exit_code = "invalid_request", 422, 2
    default = "The request is not valid. Check the fields named in the message."


class UnknownParameter(TiroError):
    code, status, exit_code = "unknown_parameter", 422, 2
    default = (
        "This address knows no such parameter. `known` has those that it takes, `nearest` the likely one."
    )


class Unauthorized(TiroError):
    code, status, exit_code = "unauthorized", 401, 5
    default = "A valid key is needed. Send it as 'Authorization: Bearer KEY'; `tiro keys create` makes one."


class Forbidden(TiroError):
    code, status, exit_code = "forbidden", 403, 5
    default = "This key is not allowed to do that. Use one that is."


class NotFound(TiroError):
    code, status, exit_code = "not_found", 404, 2
    default = "There is nothing at this address. Check the id."


class MethodNotAllowed(TiroError):
    code, status, exit_code = "method_not_allowed", 405, 2
    default = "This address does not take this method. /docs lists what there is."


class Conflict(TiroError):
    code, status, exit_code = "conflict", 409, 2
    default = "The recording is not in a state that allows this."


class EditConflict(TiroError):
    code, status, exit_code = "edit_conflict", 409, 2
    default = (
        "Somebody has changed the same segments since the version that this edit began with. `conflicts` has "
        "both texts: choose, and send the edit again with the `version` of this answer."
    )


class IdempotencyMismatch(TiroError):
    code, status, exit_code = "idempotency_mismatch", 422, 2
    default = "This Idempotency-Key was used with another request. Use a new key for a new request."


class RequestUnderWay(TiroError):
    code, status, exit_code, transient = "request_under_way", 409, 4, True
    default = "A request with this Idempotency-Key is under way. `Retry-After` says when to ask again."


class RangeNotSatisfiable(TiroError):
    code, status, exit_code = "range_not_satisfiable", 416, 2
    default = "The requested range is not inside the file."


class UploadTooLarge(TiroError):
    code, status, exit_code = "upload_too_large", 413, 3
    default = "The upload is larger than this server accepts. TIRO_HTTP_MAX_UPLOAD raises the limit."


class UploadInterrupted(TiroError):
    code, status, exit_code = "upload_interrupted", 400, 3
    default = "The upload ended before it was complete. Nothing was kept; send it again."


class OffsetMismatch(TiroError):
    code, status, exit_code = "offset_mismatch", 409, 3
    default = "The upload is not at this offset. HEAD on its address tells where to go on."


class UploadExpired(TiroError):
    code, status, exit_code = "upload_expired", 410, 3
    default = "The upload was left alone for too long and is gone. Begin it anew."


class UnsupportedTusVersion(TiroError):
    code, status, exit_code = "unsupported_tus_version", 412, 2
    default = "This server speaks version 1.0.0 of tus. Send the header 'Tus-Resumable: 1.0.0'."


class UploadBusy(TiroError):
    code, status, exit_code, transient = "upload_busy", 423, 3, True
    default = "Another request still works on this upload. Try again in a moment."


class ChecksumMismatch(TiroError):
    code, status, exit_code = "checksum_mismatch", 460, 3
    default = "The bytes are not those that the checksum was made of. None of them was kept; send them again."


# --- limits ----------------------------------------------------------------------------------------


class RateLimited(TiroError):
    code, status, exit_code, transient = "rate_limited", 429, 4, True
    default = "There were too many requests. `Retry-After` says when to go on."


class StorageQuotaExceeded(TiroError):
    code, status, exit_code = "storage_quota_exceeded", 413, 3
    default = "The recording does not fit into your storage. Delete others, or ask an admin for more."


class AudioQuotaExceeded(TiroError):
    code, status, exit_code = "audio_quota_exceeded", 429, 3
    default = "Your audio minutes of today are used up. Go on tomorrow, or ask an admin for more."


class JobQuotaExceeded(TiroError):
    code, status, exit_code, transient = "job_quota_exceeded", 429, 4, True
    default = "You have too many jobs that wait or run. Send the recording again when one has ended."


OVER_QUOTA = (StorageQuotaExceeded, AudioQuotaExceeded, JobQuotaExceeded)


class TooManyUploads(TiroError):
    code, status, exit_code = "too_many_uploads", 429, 3
    default = "You have too many unfinished uploads. Finish some, or end them with DELETE."


class BodyTooLarge(TiroError):
    code, status, exit_code = "body_too_large", 413, 2
    default = "The body of the request is too large for this address."


class HeadersTooLarge(TiroError):
    code, status, exit_code = "headers_too_large", 431, 2
    default = "The request has too many headers, or too long ones."


class RequestTooSlow(TiroError):
    code, status, exit_code, transient = "request_too_slow", 408, 4, True
    default = "The request did not arrive in time. Send it again."


class RecordingHeld(TiroError):
    code, status, exit_code = "recording_held", 409, 2
    default = "The recording is on hold. `DELETE …/hold` releases it; until then it cannot be deleted."


class MediaRemoved(TiroError):
    code, status, exit_code = "media_removed", 410, 3
    default = "The recording's file was removed by retention. Its transcript is still there."


class NotShared(TiroError):
    code, status, exit_code = "not_shared", 403, 5
    default = "This recording is shared with you, but not for that. Ask its owner."


# --- browsers and second factors ---------------------------------------------------------------------


class CrossSiteRequest(TiroError):
    code, status, exit_code = "cross_site_request", 403, 5
    default = (
        "A cookie alone changes nothing. Send what the cookie `tiro-csrf` holds in the header "
        "`X-CSRF-Token`, from a page of this server."
    )


class TooManyGuesses(TiroError):
    code, status, exit_code, transient = "too_many_guesses", 429, 5, True
    default = "Too many codes were wrong. Wait a while, or use a recovery code."


class IdentityProviderAway(TiroError):
    code, status, exit_code, transient = "identity_provider_away", 503, 4, True
    default = "The identity provider does not answer. Try again in a moment, or log in with a password."


class IdentityRefused(TiroError):
    code, status, exit_code = "identity_refused", 403, 5
    default = "What the identity provider sent could not be verified. Start the login anew."


class IdentityUnknown(TiroError):
    code, status, exit_code = "identity_unknown", 403, 5
    default = (
        "The identity provider knows you, and this server does not. Log in with your password and link the "
        "two, or ask an admin."
    )


# --- media -----------------------------------------------------------------------------------------


class UnsupportedMedia(TiroError):
    code, status, exit_code = "unsupported_media", 415, 3
    default = (
        "This is not a recording that Tiro can read. Send audio or video, for example WAV, MP3, M4A or MP4."
    )


class NoAudio(TiroError):
    code, status, exit_code = "no_audio", 422, 3
    default = "The file has no audio in it."


class EmptyMedia(TiroError):
    code, status, exit_code = "empty_media", 422, 3
    default = "The file is empty."


class CorruptMedia(TiroError):
    code, status, exit_code = "corrupt_media", 422, 3
    default = "The file is damaged and nothing in it could be decoded. Try to export it again."


class LimitExceeded(TiroError):
    code, status, exit_code = "limit_exceeded", 413, 3
    default = "The recording is larger than a limit of this server."


class DecoderCrashed(TiroError):
    code, status, exit_code, transient = "decoder_crashed", 500, 4, True
    default = "The decoder died on this file. The file may be damaged; try to convert it to WAV."


# --- engines ---------------------------------------------------------------------------------------


class UnknownEngine(TiroError):
    code, status, exit_code = "unknown_engine", 422, 2
    default = "There is no such engine. `tiro doctor` lists the engines that are present."


class UnsupportedLanguage(TiroError):
    code, status, exit_code = "unsupported_language", 422, 2
    default = "The engine does not know this language."


class UnsupportedOption(TiroError):
    code, status, exit_code = "unsupported_option", 422, 2
    default = "The engine cannot do this."


class ModelUnavailable(TiroError):
    code, status, exit_code = "model_unavailable", 503, 4
    default = "The model is not here and could not be downloaded. `tiro models list` shows what is present."


class ModelCorrupt(TiroError):
    code, status, exit_code = "model_corrupt", 500, 4
    default = "The model's folder is damaged. Remove it and run `tiro models pull` again."


class EngineCrashed(TiroError):
    code, status, exit_code, transient = "engine_crashed", 500, 4, True
    default = "The speech engine died while it worked. The job is tried again."


class EngineStalled(EngineCrashed):
    code = "engine_stalled"
    default = (
        "The speech engine showed no sign of life while it worked, and was ended. The job is tried again."
    )


class EngineFailed(TiroError):
    code, status, exit_code = "engine_failed", 500, 4
    default = "The speech engine failed on this recording."


# --- an engine on another machine -------------------------------------------------------------------


class RemoteUnavailable(TiroError):
    code, status, exit_code, transient = "remote_unavailable", 503, 4, True
    default = (
        "The remote speech server does not answer. Check TIRO_OPENAI_URL and the server, and try again; "
        "a local engine needs neither."
    )


class RemoteBusy(RemoteUnavailable):
    code = "remote_busy"
    default = "The remote speech server takes no more requests for now. Try again later."


class RemoteUnauthorized(TiroError):
    code, status, exit_code = "remote_unauthorized", 502, 4
    default = "The remote speech server does not accept the key. Set TIRO_OPENAI_KEY to a valid one."


class QuotaExceeded(TiroError):
    code, status, exit_code = "quota_exceeded", 503, 4
    default = (
        "The account at the remote speech server has no credit left. Add some there, or use a local engine."
    )


class RemoteRefused(TiroError):
    code, status, exit_code = "remote_refused", 502, 4
    default = "The remote speech server refused the request. Check TIRO_OPENAI_URL and TIRO_OPENAI_MODEL."


class RemoteNonsense(TiroError):
    code, status, exit_code = "remote_nonsense", 502, 4
    default = (
        "The remote speech server's answer is no transcript. Check that TIRO_OPENAI_URL names an "
        "OpenAI-compatible server."
    )


# --- a Tiro server, seen by its client --------------------------------------------------------------


class ServerUnreachable(TiroError):
    code, status, exit_code, transient = "server_unreachable", 502, 4, True
    default = "The Tiro server cannot be reached. Check its address, and that it runs."


# --- servers that are called -------------------------------------------------------------------------


class AddressRefused(TiroError):
    code, status, exit_code = "address_refused", 422, 2
    default = (
        "This address leads into a network that is not public, and is not called. The server's operator can "
        "allow it with TIRO_EGRESS_ALLOW."
    )


class HostUnreachable(TiroError):
    code, status, exit_code, transient = "host_unreachable", 502, 4, True
    default = "The host cannot be called. Check the address, and that a server answers there."


# --- jobs and the house ----------------------------------------------------------------------------


class Cancelled(TiroError):
    code, status, exit_code = "cancelled", 409, 130
    default = "The job was cancelled."


class LeaseLost(TiroError):
    code, status, exit_code, transient = "lease_lost", 409, 4, True
    default = "Another worker took this job over."


class AttemptsExhausted(TiroError):
    code, status, exit_code = "attempts_exhausted", 500, 4
    default = "The job failed three times in a row. `retry` starts it anew."


class ServerStopping(TiroError):
    code, status, exit_code, transient = "server_stopping", 503, 4, True
    default = "The server is stopping. Send the request again in a moment."


class StorageFull(TiroError):
    code, status, exit_code, transient = "storage_full", 507, 6, True
    default = "The disk is full. Free some space and send it again; everything accepted before is safe."


class StorageUnavailable(TiroError):
    code, status, exit_code, transient = "storage_unavailable", 503, 6, True
    default = "The store of recordings does not answer. Try again in a moment; the server's log says more."


class CannotWrite(TiroError):
    code, status, exit_code = "cannot_write", 500, 6
    default = "The output cannot be written. Choose another place with -o."


class QueueFull(TiroError):
    code, status, exit_code, transient = "queue_full", 503, 6, True
    default = "Too many jobs wait already. Send it again later."


class DatabaseBusy(TiroError):
    code, status, exit_code, transient = "database_busy", 503, 6, True
    default = "The database does not answer. Try again in a moment."


class DatabaseRefused(TiroError):
    code, status, exit_code = "database_refused", 503, 6
    default = "The database does not let Tiro in. Check the user, password and name in TIRO_DATABASE_URL."


class MissingExtra(TiroError):
    code, status, exit_code = "missing_extra", 500, 6
    default = "This needs packages that are not installed: pip install 'tiro[cluster]'."


class DataFolderInUse(TiroError):
    code, status, exit_code = "data_folder_in_use", 409, 6
    default = "Another `tiro serve` uses this data folder. Stop it, or choose another with TIRO_DATA."


class DataFolderUnusable(TiroError):
    code, status, exit_code = "data_folder_unusable", 500, 6
    default = "The data folder cannot be used. Choose another with TIRO_DATA."


class SecretMissing(TiroError):
    code, status, exit_code = "secret_missing", 500, 6
    default = (
        "Servers that share a database need one secret to sign logins with. Make one with `openssl rand -hex "
        "32`, and give it to all of them as TIRO_AUTH_SECRET."
    )


class DatabaseTooNew(TiroError):
    code, status, exit_code = "database_too_new", 500, 6
    default = (
        "The database was made by a newer release of Tiro. Install that release again, or choose another "
        "data folder with TIRO_DATA; nothing was changed."
    )


class BackupDamaged(TiroError):
    code, status, exit_code = "backup_damaged", 422, 3
    default = "The backup is damaged. Nothing was changed."


class BackupTooNew(TiroError):
    code, status, exit_code = "backup_too_new", 422, 3
    default = "The backup was made by a newer release of Tiro. Install that release; nothing was changed."


class DataPresent(TiroError):
    code, status, exit_code = "data_present", 409, 2
    default = (
        "There are users or recordings already. Restore into an empty database, or give --replace to have "
        "them replaced; nothing was changed."
    )


class DataInUse(TiroError):
    code, status, exit_code = "data_in_use", 409, 6
    default = "A server or a worker is at work on this data. Stop all of them first; nothing was changed."


class DatabaseTooOld(TiroError):
    code, status, exit_code = "database_too_old", 500, 6
    default = "The database has an older release's schema. Run `tiro db upgrade` once, and start again."


class AddressInUse(TiroError):
    code, status, exit_code = "address_in_use", 409, 6
    default = "Another program listens on this address. Choose another port with --port."


def error_classes() -> list[type[TiroError]]:
    """Every error class, base first, in the order of this file: for the generated reference."""
    found: list[type[TiroError]] = [TiroError]
    for cls in found:
        found.extend(cls.__subclasses__())
    return found


def error_for_code(code: str, message: str | None = None, *, retry_after: float | None = None) -> TiroError:
    """The error that has ``code``; the base class where none has. Used where errors cross a process."""
    for cls in error_classes():
        if cls.code == code:
            return cls(message, retry_after=retry_after)
    return TiroError(message, retry_after=retry_after)
