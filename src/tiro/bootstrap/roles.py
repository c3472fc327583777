"""What a process is there for, and what it can do as a worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from tiro.bootstrap.speech import SpeechRuntime
from tiro.engines import registry, survey
from tiro.errors import InvalidRequest
from tiro.features.jobs.fleet import Fleet, Worker
from tiro.features.jobs.states import JobQueue
from tiro.kit.ids import uuid7
from tiro.settings import Settings

_log = structlog.get_logger(__name__)


class Role(StrEnum):
    ALL = "serve"
    API = "api"
    WORKER = "worker"
    BEAT = "beat"


def queues_named(text: str) -> tuple[JobQueue, ...]:
    """Raises InvalidRequest where one is none."""
    names = list(dict.fromkeys(text.replace(",", " ").lower().split()))
    known = list(JobQueue)
    if not names or (unknown := [name for name in names if name not in known]):
        raise InvalidRequest(
            f"There is no queue '{unknown[0] if names else ''}'. There are: {', '.join(known)}."
        )
    return tuple(JobQueue(name) for name in names)


def usual_queues(settings: Settings) -> tuple[JobQueue, ...]:
    """All but that of GPUs, and that too where one is to be used."""
    some = (JobQueue.CPU, JobQueue.REMOTE, JobQueue.LLM)
    return (JobQueue.GPU, *some) if _has_gpu(settings) else some


def _has_gpu(settings: Settings) -> bool:
    # By what the driver leaves, for whoever asks CUDA itself loads it into this process.
    there = Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
    return settings.engine.device == "cuda" or (settings.engine.device == "auto" and there)


def any_worker(settings: Settings) -> Worker:
    """A worker that takes whatever waits."""
    return Worker(_name(), socket.gethostname(), tuple(JobQueue), None, settings.jobs.parallel)


def worker_for(speech: SpeechRuntime, queues: Sequence[JobQueue], slots: int, *, chosen: bool) -> Worker:
    """A worker for some queues, with the engines that it could load. It says so where there are none.

    Args:
        chosen: an operator has named the queues, and means each of them.
    """
    found = survey.survey(speech.options, speech.default_model)
    able = {name for name, entry in found.items() if entry.ready or entry.downloadable}
    if able & {registry.WHISPER, registry.FALLBACK}:
        able.add(registry.AUTO)
    empty = [queue for queue in queues if not any(queue in _could_be(name) for name in able)]
    if len(empty) == len(queues) or (chosen and empty):
        _log.warning("worker.without_engine", queues=empty, detail="`tiro doctor` says what is missing")
    return Worker(_name(), socket.gethostname(), tuple(queues), tuple(sorted(able)), slots)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{str(uuid7())[-6:]}"


def _could_be(engine: str) -> tuple[JobQueue, ...]:
    """The queues in which a job for the engine may wait."""
    match survey.resource(engine):
        case "gpu":
            return (JobQueue.GPU, JobQueue.CPU)
        case "remote":
            return (JobQueue.REMOTE,)
    return (JobQueue.CPU,)


def routes(settings: Settings, fleet: Fleet) -> Callable[[Session, str], JobQueue]:
    """The queue of a job, by its engine: one that gains from a GPU waits for one where TIRO_ENGINE_DEVICE
    says so, or where a worker with one is there."""

    def route(session: Session, engine: str) -> JobQueue:
        could = _could_be(engine)
        if len(could) == 1 or settings.engine.device == "cuda":
            return could[0]
        name = engine.partition(":")[0].strip().lower()
        gpu = settings.engine.device == "auto" and not fleet.alone
        if gpu and any(worker.serves(JobQueue.GPU, name) for worker in fleet.alive(session)):
            return JobQueue.GPU
        return JobQueue.CPU

    return route
