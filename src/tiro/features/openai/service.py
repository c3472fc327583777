"""What the endpoints of OpenAI's audio API do: name models, follow one job, and tidy up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from math import inf

import structlog

from tiro.errors import (
    Cancelled,
    Conflict,
    NotFound,
    ServerStopping,
    TiroError,
    Unauthorized,
    UnknownEngine,
    error_for_code,
)
from tiro.features.events.service import EventService
from tiro.features.jobs.states import JobState
from tiro.features.openai import answers
from tiro.features.openai.answers import Json
from tiro.features.openai.form import AudioRequest
from tiro.features.recordings.service import Intake, RecordingService
from tiro.features.transcripts.service import StoredTranscript
from tiro.storage.base import Upload

_log = structlog.get_logger(__name__)

ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
)
"""OpenAI's own names, which mean the engine by default: a client only changes its base URL."""


class OpenAIService:
    """Requests of OpenAI's audio API, as recordings with a job.

    Args:
        engines: the names of the engines and models that are ready.
        keep: whether recordings stay after the answer.
    """

    def __init__(
        self,
        recordings: RecordingService,
        events: EventService,
        engines: Callable[[], list[str]],
        *,
        keep: bool,
    ) -> None:
        self.recordings = recordings
        self._events = events
        self._engines = engines
        self._keep = keep

    @property
    def engine_of(self) -> Mapping[str, str]:
        return dict.fromkeys(ALIASES, self.recordings.limits.default_engine)

    def models(self) -> list[str]:
        return [*self._engines(), *ALIASES]

    def model(self, name: str) -> str:
        """Raises UnknownEngine where there is no such model."""
        if name not in self.models():
            raise unknown_model(name)
        return name

    def accept(self, upload: Upload, intake: Intake, model: str) -> str:
        """Keep the upload and queue its job; returns the recording's id."""
        try:
            return self.recordings.accept(upload, replace(intake, passing=not self._keep))[0]
        except UnknownEngine as err:
            raise unknown_model(model) from err

    async def finished(self, recording_id: str) -> StoredTranscript:
        """The transcript, once the job has ended.

        Raises:
            TiroError: what the job failed of; or the server stops.
        """
        if not await self.recordings.wait(recording_id, inf):
            raise ServerStopping(retry_after=5)
        return await asyncio.to_thread(self._outcome, recording_id)

    async def stream(
        self, recording_id: str, asked: AudioRequest, lost: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[Json]:
        """OpenAI's events while the job works; the deltas joined are the text of the last event.

        What was told cannot be taken back: where another engine begins anew, the deltas go on behind the
        place where they were, and the text of the last event is the whole of its own.

        Args:
            lost: whether the caller has lost the right to be told more.

        Raises:
            Unauthorized: they have.
            TiroError: as ``finished``.
        """
        speakers = answers.Speakers()
        told, until, anew = 0, 0.0, False
        async with aclosing(self._events.follow(recording_id, 0)) as batches:
            async for batch in batches:
                if await lost():
                    raise Unauthorized
                for event in batch:
                    anew = anew or event.type == "restart"
                    if event.type != "segment" or (anew and event.data["start_time"] < until):
                        continue
                    until = max(until, event.data["end_time"])
                    told += 1
                    text, segment_id = event.data["text"], f"seg_{told:03d}"
                    delta: Json = {
                        "type": "transcript.text.delta",
                        "delta": text if told == 1 else f" {text}",
                    }
                    if asked.response_format == "diarized_json":
                        yield delta | {"segment_id": segment_id}
                        yield answers.diarized_segment(
                            told,
                            speakers.letter(event.data["speaker"]),
                            event.data["start_time"],
                            event.data["end_time"],
                            text,
                        )
                    else:
                        yield delta
                ended = any(e.type == "state" and JobState(e.data["status"]).ended for e in batch)
                if ended or (not batch and await asyncio.to_thread(self._ended, recording_id)):
                    break
        found = await self.finished(recording_id)
        yield {
            "type": "transcript.text.done",
            "text": answers.joined(found.segments),
            "usage": answers.usage(found.metadata["duration"]),
        }

    def let_go(self, recording_id: str) -> None:
        """The request is over: nothing stays but what the operator wants kept, and no work goes on."""
        with suppress(NotFound, Conflict):
            if not self._ended(recording_id):
                self.recordings.cancel(recording_id)
        if not self._keep:
            with suppress(NotFound):
                self.recordings.delete(recording_id)

    def _ended(self, recording_id: str) -> bool:
        return JobState(self.recordings.summary(recording_id).status).ended

    def _outcome(self, recording_id: str) -> StoredTranscript:
        summary = self.recordings.summary(recording_id)
        if JobState(summary.status) is JobState.CANCELLED:
            raise Cancelled
        if summary.error is not None:
            raise error_for_code(summary.error.code, summary.error.message)
        found = self.recordings.transcript(recording_id)
        if found is None:
            raise TiroError
        return found


def unknown_model(name: str) -> UnknownEngine:
    error = UnknownEngine(f"The model `{name[:100]}` does not exist. GET /v1/models lists what there is.")
    error.param = "model"
    return error
