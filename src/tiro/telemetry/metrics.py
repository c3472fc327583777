"""All metrics, by name. Names and labels are stable: dashboards and alerts rely on them.

No label ever holds what a user wrote: the values of each come from a list in the code.
"""

from __future__ import annotations

from tiro.telemetry.instruments import Catalogue, Kind

CATALOGUE = Catalogue()

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_RATIO = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256)

# --- the process ----------------------------------------------------------------------------------

BUILD = CATALOGUE.read("tiro_build_info", Kind.GAUGE, "1, with the version that runs.", "version")

# --- requests -------------------------------------------------------------------------------------

HTTP_SECONDS = CATALOGUE.histogram(
    "tiro_http_request_duration_seconds",
    "Time from a request's first line to the end of its answer. `route` is the template (`other` where there "
    "is none), `status` the class, such as `2xx`. Streams of events, `/live`, `/ready` and `/metrics` are "
    "left out.",
    "method",
    "route",
    "status",
    bounds=_SHORT,
)
HTTP_OPEN = CATALOGUE.gauge("tiro_http_requests_open", "Requests under way, streams of events among them.")
PROBLEMS = CATALOGUE.counter(
    "tiro_http_problems_total", "Errors that requests were answered with, by their stable code.", "code"
)
LIMITS_REFUSED = CATALOGUE.counter(
    "tiro_limits_refused_total",
    "Requests that a rate limit refused: `address`, `key`, `refusals-address` or `refusals-name`.",
    "limit",
)
UPLOAD_BYTES = CATALOGUE.counter("tiro_upload_bytes_total", "Bytes of uploads that have come in.")
DOOR_SECONDS = CATALOGUE.histogram(
    "tiro_door_duration_seconds",
    "Time that an upload spends at the door: `receive` its bytes, `probe` what they are, `commit` them to "
    "disk and its row.",
    "step",
    bounds=_SHORT,
)

# --- the queue ------------------------------------------------------------------------------------

QUEUE_JOBS = CATALOGUE.rows(
    "tiro_queue_jobs",
    Kind.GAUGE,
    "Jobs that wait, with those that pause before another try.",
    "queue",
    "priority",
)
QUEUE_AGE = CATALOGUE.rows(
    "tiro_queue_age_seconds",
    Kind.GAUGE,
    "How long the job that waits longest has waited since it could run; 0 where none waits.",
    "queue",
    "priority",
)
WORKERS = CATALOGUE.rows(
    "tiro_workers",
    Kind.GAUGE,
    "Workers that gave a sign of life, by each queue they take jobs from; the server itself where it works "
    "alone.",
    "queue",
)
QUEUE_UNSERVED = CATALOGUE.rows(
    "tiro_queue_unserved",
    Kind.GAUGE,
    "Kinds of waiting jobs (queue and engine) that no worker which is alive can do.",
)
JOBS_RUNNING = CATALOGUE.rows("tiro_jobs_running", Kind.GAUGE, "Jobs at work, wherever.", "queue")
JOBS_ENDED = CATALOGUE.rows(
    "tiro_jobs_ended_total",
    Kind.COUNTER,
    "Jobs that ended: `completed`, `cancelled` or `failed`, with the error's code where there is one.",
    "state",
    "code",
)
JOB_TRIES_FAILED = CATALOGUE.rows(
    "tiro_job_tries_failed_total",
    Kind.COUNTER,
    "Tries of jobs that failed and were followed by another.",
    "code",
)
LEASES_FREED = CATALOGUE.rows(
    "tiro_leases_freed_total",
    Kind.COUNTER,
    "Jobs taken from workers that showed no sign of life until their lease ran out.",
)
LEASES_LOST = CATALOGUE.counter(
    "tiro_leases_lost_total", "Jobs that this process worked on when another had taken them over."
)
WORKER_JOBS = CATALOGUE.gauge("tiro_worker_jobs", "Jobs at work in this process.")
WORKER_SLOTS = CATALOGUE.read(
    "tiro_worker_slots", Kind.GAUGE, "How many jobs this process does at once; 0 where it does none."
)
JOB_WAIT_SECONDS = CATALOGUE.histogram(
    "tiro_job_wait_seconds",
    "Time from when a job could run to when this process took it.",
    "queue",
    "priority",
    bounds=_LONG,
)
JOB_SECONDS = CATALOGUE.histogram(
    "tiro_job_duration_seconds",
    "Time at work on jobs in this process, by how it ended: `completed`, `failed`, `cancelled`, "
    "`handed_back` (the process stopped) or `lost` (the lease was).",
    "outcome",
    bounds=_LONG,
)
STAGE_SECONDS = CATALOGUE.histogram(
    "tiro_stage_duration_seconds",
    "Time in each stage of a job: `probe`, `model` (load or fetch it) and `transcribe`.",
    "stage",
    bounds=_LONG,
)
REALTIME_FACTOR = CATALOGUE.histogram(
    "tiro_realtime_factor",
    "Seconds of audio done in a second of work (RTFx), of each completed job. `engine` is the one that was "
    "asked for.",
    "engine",
    bounds=_RATIO,
)

# --- speech ---------------------------------------------------------------------------------------

WINDOWS = CATALOGUE.rows(
    "tiro_windows_total", Kind.COUNTER, "Windows of recordings that an engine recognised.", "engine"
)
AUDIO_SECONDS = CATALOGUE.rows(
    "tiro_audio_seconds_total", Kind.COUNTER, "Seconds of recordings in these windows.", "engine"
)
ENGINE_SECONDS = CATALOGUE.rows(
    "tiro_engine_seconds_total",
    Kind.COUNTER,
    "Seconds in which engines answered, each window's counted for itself.",
    "engine",
)
SEGMENTS = CATALOGUE.rows("tiro_segments_total", Kind.COUNTER, "Segments that transcripts kept.")
SEGMENTS_DROPPED = CATALOGUE.rows(
    "tiro_segments_dropped_total",
    Kind.COUNTER,
    "Texts taken out as invented or as cross-talk, by the rule that did.",
    "rule",
)
DECODER_SECONDS = CATALOGUE.histogram(
    "tiro_decoder_duration_seconds",
    "Life of a decoder's process from the file it got to its end.",
    bounds=_LONG,
)
DECODER_CRASHES = CATALOGUE.counter(
    "tiro_decoder_crashes_total", "Decoder processes that died or broke their rules while they read a file."
)

# --- engines --------------------------------------------------------------------------------------

ENGINE_HOSTS = CATALOGUE.read(
    "tiro_engine_hosts",
    Kind.GAUGE,
    "Engine hosts with a loaded model: `busy` or `idle`.",
    "engine",
    "state",
)
ENGINE_WAITING = CATALOGUE.read(
    "tiro_engine_waiting", Kind.GAUGE, "Windows that wait for a place on an engine host.", "engine"
)
ENGINE_DEATHS = CATALOGUE.read(
    "tiro_engine_host_deaths_total",
    Kind.COUNTER,
    "Engine hosts that died or had to be killed; the next window starts another.",
    "engine",
)
ENGINE_LOAD_SECONDS = CATALOGUE.histogram(
    "tiro_engine_load_seconds", "Time to start an engine host and load its model.", "engine", bounds=_LONG
)
ENGINE_REQUEST_SECONDS = CATALOGUE.histogram(
    "tiro_engine_request_duration_seconds",
    "Time of a window on an engine, the wait for a place included.",
    "engine",
    bounds=_LONG,
)
ENGINE_BATCH = CATALOGUE.histogram(
    "tiro_engine_batch_windows",
    "Windows that an engine worked on together, once for each of them.",
    "engine",
    bounds=(1, 2, 4, 8, 16, 32, 64),
)
ENGINE_ERRORS = CATALOGUE.counter(
    "tiro_engine_errors_total",
    "Windows that an engine failed at, by code; of a remote engine `remote_unavailable`, `remote_busy`, "
    "`quota_exceeded` …, after its own tries.",
    "engine",
    "code",
)

# --- around ---------------------------------------------------------------------------------------

WEBHOOK_TRIES = CATALOGUE.rows(
    "tiro_webhook_deliveries_total",
    Kind.COUNTER,
    "Tries to deliver to webhooks: `delivered`, `failed` (tried again later), or `given_up`.",
    "outcome",
)
WEBHOOKS_WAITING = CATALOGUE.rows(
    "tiro_webhook_deliveries_waiting", Kind.GAUGE, "Messages to webhooks that are not delivered yet."
)
DATABASE_UP = CATALOGUE.read(
    "tiro_database_up",
    Kind.GAUGE,
    "1 where the database answered; at 0 what is read from its rows is left out.",
)
DATABASE_CONNECTIONS = CATALOGUE.read(
    "tiro_database_connections", Kind.GAUGE, "Connections of this process: `busy` or `idle`.", "state"
)
DATABASE_CONNECTIONS_MOST = CATALOGUE.read(
    "tiro_database_connections_most", Kind.GAUGE, "How many connections this process may have."
)
STORAGE_ORPHANS = CATALOGUE.counter(
    "tiro_storage_orphans_total",
    "What nobody will ask for again and this process took out of the way: `recording` (a file of no "
    "recording, put aside), `removed` (a file that was to be deleted), `part` and `unfinished` (of uploads).",
    "kind",
)
STORAGE_FREE = CATALOGUE.read(
    "tiro_data_free_bytes", Kind.GAUGE, "Free space where the data folder of this process is."
)
SPANS = CATALOGUE.counter(
    "tiro_trace_spans_total",
    "Spans of traces: `exported`, or `failed` where the collector did not take them.",
    "outcome",
)
