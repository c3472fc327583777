"""The parts of a server: rows, files, jobs, and speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

import tiro
from tiro.bootstrap.data import make_data_folder, open_database
from tiro.bootstrap.ports import Ports, build_ports, is_alone, is_shared
from tiro.bootstrap.roles import Role, any_worker, routes, usual_queues, worker_for
from tiro.bootstrap.speech import SpeechRuntime, build_speech
from tiro.db.session import Database
from tiro.egress.addresses import Allowed
from tiro.egress.base import Resolver
from tiro.egress.client import Egress
from tiro.egress.dns import SystemResolver
from tiro.engines import survey
from tiro.errors import SecretMissing
from tiro.events.base import EventHub
from tiro.features.accounts.callers import Callers
from tiro.features.accounts.factors.service import FactorService
from tiro.features.accounts.identities.provider import Provider
from tiro.features.accounts.identities.service import IdentityService
from tiro.features.accounts.passwords import Passwords
from tiro.features.accounts.service import AccountService
from tiro.features.accounts.tokens import AccessTokens
from tiro.features.administration.service import AdministrationService
from tiro.features.audit.service import AuditService
from tiro.features.batches.service import BatchService
from tiro.features.comments.service import CommentService
from tiro.features.counters.service import CounterService
from tiro.features.defaults.service import DefaultsService
from tiro.features.editing.service import EditingService
from tiro.features.events.service import EventService
from tiro.features.feed.service import FeedService, OwnerHints
from tiro.features.following.service import FollowingService
from tiro.features.groups.service import GroupService
from tiro.features.idempotency.service import IdempotencyService
from tiro.features.jobs.fleet import Fleet, Worker
from tiro.features.jobs.service import JobService
from tiro.features.jobs.states import JobQueue
from tiro.features.keys.service import KeyService
from tiro.features.models.service import ModelService
from tiro.features.openai.service import OpenAIService
from tiro.features.orphans.service import OrphanService
from tiro.features.peaks.service import PeakService
from tiro.features.quotas.service import Quota, QuotaService
from tiro.features.recordings.library import LibraryService
from tiro.features.recordings.service import IntakeLimits, RecordingService
from tiro.features.retention.service import Policy, RetentionPlan, RetentionService
from tiro.features.rounds.service import RoundService
from tiro.features.sharing.service import SharingService
from tiro.features.tags.service import TagService
from tiro.features.transcription.service import Records, TranscriptionService
from tiro.features.transcripts.service import TranscriptService
from tiro.features.uploads.service import UploadService
from tiro.features.users.service import UserService
from tiro.features.webhooks.sender import Sender
from tiro.features.webhooks.service import WebhookService
from tiro.http.browsers import Browsers
from tiro.http.limits import RequestLimits
from tiro.kit.secretfile import kept_secret
from tiro.limits.base import Rate, RateLimiter
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import LimitSettings, QuotaSettings, Settings
from tiro.storage.base import RecordingStorage
from tiro.storage.watch import StorageWatch
from tiro.worker.celery import CeleryConsumer
from tiro.worker.jobs import JobRunner
from tiro.worker.rounds import Round, Rounds
from tiro.worker.runner import Runner

_log = structlog.get_logger(__name__)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """All parts of a server, whichever of them its role has at work."""

    settings: Settings
    role: Role
    ports: Ports
    database: Database
    storage: RecordingStorage
    storage_watch: StorageWatch
    speech: SpeechRuntime
    users: UserService
    keys: KeyService
    accounts: AccountService
    factors: FactorService
    identities: IdentityService
    browsers: Browsers
    callers: Callers
    events: EventService
    jobs: JobService
    counters: CounterService
    groups: GroupService
    sharing: SharingService
    recordings: RecordingService
    library: LibraryService
    feed: FeedService
    peaks: PeakService
    editing: EditingService
    comments: CommentService
    following: FollowingService
    batches: BatchService
    uploads: UploadService
    openai: OpenAIService
    orphans: OrphanService
    defaults: DefaultsService
    quotas: QuotaService
    limits: RequestLimits
    resolver: SystemResolver
    webhooks: WebhookService
    sender: Sender
    audit: AuditService
    retention: RetentionService
    administration: AdministrationService
    models: ModelService
    idempotency: IdempotencyService
    hub: EventHub
    fleet: Fleet
    rounds: RoundService
    beat: Rounds
    runner: Runner

    def begin_to_stop(self) -> None:
        """Let go of all who wait, and of all work, so that the server can end. Call from the event loop."""
        self.hub.close()
        self.runner.stop()

    def close(self) -> None:
        self.models.close()
        self.speech.hosts.close()
        self.speech.decoders.close()
        self.resolver.close()
        self.ports.close()
        self.database.close()

    def recover(self) -> None:
        """Clear up after a process that died. Only while this one holds the data folder, and nobody else uses
        the database: in a cluster nothing is taken for dead at a start. There leases run out by themselves,
        and rounds look for what is too old to be anybody's."""
        self.rounds.recover()
        if left := self.recordings.remove_passing():
            _log.info("recordings.passing_removed", count=left)
        with self.database.write() as session:
            self.jobs.sweep(session, everything=True)
        self.webhooks.recover()
        self.models.recover()
        if is_alone(self.settings):
            self.orphans.collect(timedelta())


def build_accounts(settings: Settings, database: Database) -> AccountService:
    """Logins alone, as the command line uses them too."""
    secret, users, passwords = _secret(settings), UserService(database), Passwords()
    factors = FactorService(database, users, passwords, secret)
    return AccountService(database, users, passwords, AccessTokens(secret), factors)


def _secret(settings: Settings) -> bytes:
    """Raises SecretMissing where each server would make one of its own."""
    if (given := settings.auth.secret) is not None:
        return given.get_secret_value().encode()
    if is_shared(settings):
        raise SecretMissing
    make_data_folder(settings)
    return kept_secret(settings.data / "secret")


def _build_identities(settings: Settings, database: Database, accounts: AccountService) -> IdentityService:
    oidc = settings.oidc
    provider = None
    if oidc.issuer is not None:
        given = oidc.client_secret.get_secret_value() if oidc.client_secret else None
        provider = Provider(oidc.issuer, oidc.client_id, given, scopes=oidc.scopes)
    return IdentityService(
        database,
        UserService(database),
        accounts,
        provider,
        _secret(settings),
        register=oidc.registration,
        redirect=oidc.redirect,
    )


def build_webhooks(
    settings: Settings, database: Database, resolver: Resolver
) -> tuple[WebhookService, Sender]:
    """Webhooks alone, as the command line uses them too."""
    answer_seconds = settings.webhooks.answer_seconds
    # A try may take longer than its answer: what is to be read of that, and the rows.
    lease_seconds = 2 * answer_seconds + 30
    queue = EmbeddedQueue()
    webhooks = WebhookService(
        database,
        CounterService(),
        queue,
        lease_seconds=lease_seconds,
        keep=timedelta(days=settings.webhooks.keep_days),
    )
    egress = Egress(resolver, Allowed.of(settings.egress.allowed), agent=f"tiro/{tiro.__version__}")
    return webhooks, Sender(webhooks, egress, queue, answer_seconds=answer_seconds)


def build_retention_plan(settings: Settings, database: Database) -> RetentionPlan:
    """How long what is kept, as the command line asks too."""
    said = settings.retention
    return RetentionPlan(database, Policy(said.media_days, said.recording_days))


def build_runtime(
    settings: Settings,
    role: Role = Role.ALL,
    *,
    queues: Sequence[JobQueue] | None = None,
    slots: int | None = None,
) -> Runtime:
    """Everything a server needs. The caller closes it.

    Args:
        queues, slots: of a worker; by default what this machine can do, and TIRO_JOBS_PARALLEL.
    """
    secret = _secret(settings)
    ports = build_ports(settings)
    database = open_database(settings, wait=settings.database.wait)
    storage, hub, queue = ports.storage, ports.hub, ports.queue
    # Each upload needs two in quick succession: one that looks into it at the door, one for its job.
    speech = build_speech(settings, spare_decoders=2)
    users = UserService(database)
    keys = KeyService(database, users)
    accounts = build_accounts(settings, database)
    resolver = SystemResolver()
    webhooks, sender = build_webhooks(settings, database, resolver)
    events = EventService(database, hub, [webhooks.observe, OwnerHints(hub).observe])
    counters = CounterService()
    fleet = Fleet(alone=role is Role.ALL and not settings.clustered)
    jobs = JobService(
        events,
        counters,
        queue,
        attempts=settings.jobs.attempts,
        lease_seconds=settings.jobs.lease_seconds,
        room=settings.jobs.queued,
        fleet=fleet,
        route=routes(settings, fleet),
    )
    transcripts = TranscriptService()
    quotas = QuotaService(database, _default_quota(settings.quota))
    records = Records(database, jobs, transcripts, events, counters, quotas)
    limits = IntakeLimits(
        max_upload=int(settings.http.max_upload),
        max_wait=settings.http.max_wait,
        default_engine=settings.engine.default,
    )
    groups = GroupService(database, users)
    sharing = SharingService(database, users, groups)
    tags = TagService()
    comments = CommentService(database, hub)
    recordings = RecordingService(
        database,
        storage,
        hub,
        speech.decoders,
        jobs,
        transcripts,
        sharing,
        tags,
        quotas,
        lambda session, recording_id, owner_id, mark: comments.keep(
            session, recording_id, owner_id, mark.text, mark.at, owner_id=owner_id
        ),
        check_engine=lambda text: survey.check(text, speech.options, speech.default_model),
        limits=limits,
        webhooks=webhooks,
        signed_seconds=settings.storage.signed_seconds,
    )
    uploads = UploadService(
        database,
        ports.parts,
        recordings,
        quotas,
        lifetime=timedelta(hours=settings.http.upload_expires),
        silence=timedelta(seconds=settings.http.live_silence),
        alone=not is_shared(settings) and role is Role.ALL,
    )
    transcription = TranscriptionService(records, storage, speech.pipeline, speech.prepare)
    worker = _worker(settings, role, speech, queues, slots)
    runner = Runner(JobRunner(database, jobs, fleet, transcription, worker), queue)
    audit = AuditService(database, settings.audit.days)
    orphans = OrphanService(
        storage, recordings, uploads, audit, timedelta(hours=settings.storage.orphan_hours)
    )
    idempotency = IdempotencyService(database, secret)
    retention = RetentionService(
        database, storage, events, jobs, recordings, build_retention_plan(settings, database)
    )
    rounds = RoundService(database)
    beat = [
        Round("retention", retention.sweep, _MINUTE),
        Round("idempotency", idempotency.sweep, _HOUR),
        Round("audit", audit.sweep, _HOUR),
        Round("orphans", orphans.sweep, _HOUR),
        Round("passing", lambda: bool(recordings.remove_passing(older=_DAY)), _HOUR),
    ]
    library = LibraryService(database, sharing, tags)
    editing = EditingService(database, hub, jobs, transcripts)
    return Runtime(
        settings=settings,
        role=role,
        ports=ports,
        database=database,
        storage=storage,
        storage_watch=StorageWatch(storage),
        speech=speech,
        users=users,
        keys=keys,
        accounts=accounts,
        factors=accounts.factors,
        identities=_build_identities(settings, database, accounts),
        browsers=Browsers(secret, settings.http.origin_list),
        callers=Callers(keys, accounts),
        events=events,
        jobs=jobs,
        counters=counters,
        groups=groups,
        sharing=sharing,
        recordings=recordings,
        library=library,
        feed=FeedService(database, hub, library),
        peaks=PeakService(database, storage, speech.decoders, recordings),
        editing=editing,
        comments=comments,
        following=FollowingService(hub, editing, comments),
        batches=BatchService(database, hub, recordings, jobs),
        uploads=uploads,
        orphans=orphans,
        openai=OpenAIService(
            recordings,
            events,
            lambda: survey.names(speech.options, speech.default_model),
            keep=settings.compat.keep,
        ),
        defaults=DefaultsService(database),
        quotas=quotas,
        limits=_request_limits(settings.limits, ports.limiter),
        resolver=resolver,
        webhooks=webhooks,
        sender=sender,
        audit=audit,
        retention=retention,
        administration=AdministrationService(database, recordings, jobs, fleet, worker),
        models=ModelService(
            database,
            speech.options,
            speech.default_engine,
            speech.default_model,
            reserve=int(settings.storage.reserve),
        ),
        idempotency=idempotency,
        hub=hub,
        fleet=fleet,
        rounds=rounds,
        beat=Rounds(rounds, beat),
        runner=runner,
    )


def _worker(
    settings: Settings,
    role: Role,
    speech: SpeechRuntime,
    queues: Sequence[JobQueue] | None,
    slots: int | None,
) -> Worker:
    if role is not Role.WORKER:
        return any_worker(settings)
    asked = queues or usual_queues(settings)
    return worker_for(speech, asked, slots or settings.jobs.parallel, chosen=queues is not None)


def build_consumer(runtime: Runtime) -> CeleryConsumer | None:
    """What takes a worker's wake-ups from Celery, where there is a broker."""
    broker = runtime.settings.broker.url
    if broker is None:
        return None
    from tiro.queue.celery import TASK, celery_queue, make_app

    app = make_app(broker.get_secret_value(), patient=True)
    jobs = runtime.runner.jobs
    names = [celery_queue(name) for name in jobs.worker.queues]
    return CeleryConsumer(app, TASK, jobs.work, names, jobs.worker.slots)


def _default_quota(settings: QuotaSettings) -> Quota:
    return Quota(
        storage=int(settings.storage), minutes=settings.minutes, jobs=settings.jobs, uploads=settings.uploads
    )


def _request_limits(settings: LimitSettings, limiter: RateLimiter) -> RequestLimits:
    def rate(name: str, what: str, count: int, seconds: int) -> Rate | None:
        return Rate(name, what, count, seconds) if count else None

    return RequestLimits(
        limiter,
        address=rate("address", "requests from your address", settings.address, 60),
        key=rate("key", "requests with your key", settings.key, 60),
        guesses_address=rate(
            "refusals-address", "refused logins from your address", settings.guesses_address, 600
        ),
        guesses_name=rate("refusals-name", "wrong passwords for this name", settings.guesses_name, 600),
    )
