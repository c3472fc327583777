"""A remote server as an engine: one upload a window."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import weakref
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

import numpy as np

from tiro.engines.base import DECODING, Capabilities, DecodingOptions, Prepared, TranscribeRequest
from tiro.engines.openai import answers
from tiro.engines.openai.client import Client, Form, Refusal
from tiro.errors import ModelUnavailable, RemoteRefused, TiroError, UnsupportedLanguage, UnsupportedOption
from tiro.speech.types import SAMPLE_RATE, Audio, Segment

PARALLEL = 4
"""Windows under way at once. The server does the work; more would only meet its rate limit sooner."""

SHORTEST = 0.1
"""OpenAI refuses audio shorter than so many seconds."""

SILENT = 0.001
"""A window that is never louder (-60 dB of full scale) holds no speech and is not sent."""

_TERMS = 500
"""Characters of vocabulary that are sent."""

_POLL = 0.05

_FORMATS: tuple[dict[str, str | list[str]], ...] = (
    {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]},
    {"response_format": "verbose_json"},
    {"response_format": "json"},
)
"""From the best down; a server that refuses one is asked for the next, and from then on for that."""

_FORMAT_WORDS = ("response_format", "verbose_json", "timestamp_granularities", "word timestamps")


class OpenAIEngine:
    """Several requests at a time, each from a thread of its own; their uploads share one event loop, so that
    one process does what four would. ``close`` ends its connections; so does letting the engine go."""

    def __init__(self, client: Client, model: str, *, window: float = 30.0) -> None:
        self._client = client
        self._model = model
        self._window = window
        # gpt-4o-transcribe and its kin know plain `json` only.
        self._format = len(_FORMATS) - 1 if model.startswith("gpt-") else 0
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="openai", daemon=True)
        thread.start()
        self._closing = weakref.finalize(self, _close, self._loop, thread, client)
        self._closing.atexit = False

    def close(self) -> None:
        """Close the connections; may be called twice."""
        thread = self._closing()
        if thread is not None:
            thread.join()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            model=f"{self._model} at {self._client.server}",
            detects_language=True,
            translates=not self._model.startswith("gpt-"),
            max_window=self._window,
            join_gap=1.0,
            batch=PARALLEL,
            workers=PARALLEL,
            heeds=DECODING - {"beam"},
            notice=f"The audio was sent to {self._client.server}, where this text was made.",
        )

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        return self._heard(self.prepare(request).request)

    def prepare(self, request: TranscribeRequest) -> Prepared:
        if request.task == "translate" and not self.capabilities.translates:
            raise UnsupportedOption(
                f"The remote model '{self._model}' cannot translate; 'whisper-1' and others can."
            )
        return Prepared(request, key=None, inputs=None)

    def transcribe_batch(self, requests: Sequence[Prepared]) -> list[list[Segment] | TiroError]:
        """One after the other: a batch is one request, and several are under way in several threads."""
        outcomes: list[list[Segment] | TiroError] = []
        for prepared in requests:
            try:
                outcomes.append(list(self._heard(prepared.request)))
            except TiroError as err:
                outcomes.append(err)
        return outcomes

    def _heard(self, request: TranscribeRequest) -> Iterator[Segment]:
        duration = len(request.audio) / SAMPLE_RATE
        if duration < SHORTEST or np.max(np.abs(request.audio)) < SILENT:
            return
        body = self._run(self._ask(request, flac(request.audio)), request.stop)
        if body is not None:
            yield from answers.segments(answers.read(body), duration, request.language)

    async def _ask(self, request: TranscribeRequest, audio: bytes) -> bytes:
        """The server's answer, in the best format that it knows."""
        translate = request.task == "translate"
        path = "audio/translations" if translate else "audio/transcriptions"
        while True:
            form = {"model": self._model} | _FORMATS[self._format] | _wishes(request.decoding)
            if not request.decoding.word_times and "timestamp_granularities[]" in form:
                form["timestamp_granularities[]"] = ["segment"]
            if translate:
                form.pop("timestamp_granularities[]", None)  # no field of this request
            elif request.language is not None:
                form["language"] = request.language
            try:
                return await self._client.post(path, form, "window.flac", audio)
            except Refusal as refusal:
                if self._format + 1 < len(_FORMATS) and _about_format(refusal):
                    self._format += 1
                    continue
                raise self._meaning(refusal, request, form) from refusal

    def _meaning(self, refusal: Refusal, request: TranscribeRequest, form: Form) -> Exception:
        told = f" ({self._client.server}: {refusal.status}{' ' + refusal.words if refusal.words else ''})"
        about = {refusal.param, *refusal.code.split("_")}
        if "language" in form and "language" in about:
            return UnsupportedLanguage(f"The remote server does not know '{request.language}'.{told}")
        if refusal.code == "model_not_found" or (refusal.status in (400, 404, 422) and "model" in about):
            return ModelUnavailable(
                f"The remote server has no model '{self._model}'. TIRO_OPENAI_MODEL names another.{told}"
            )
        if request.task == "translate" and refusal.status in (404, 405, 501):
            return UnsupportedOption(f"The remote server cannot translate.{told}")
        if refusal.status == 413:
            return RemoteRefused(
                f"The remote server takes no upload of {self._window:g} s. Lower TIRO_OPENAI_WINDOW.{told}"
            )
        return RemoteRefused(RemoteRefused.default + told)

    def _run(self, work: Coroutine[Any, Any, bytes], stop: threading.Event | None) -> bytes | None:
        """Wait for ``work``; None as soon as ``stop`` is set, the connection closed."""

        async def watched() -> bytes | None:
            task = asyncio.ensure_future(work)
            while not task.done():
                await asyncio.wait({task}, timeout=None if stop is None else _POLL)
                if stop is not None and stop.is_set() and not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                    return None
            return task.result()

        return asyncio.run_coroutine_threadsafe(watched(), self._loop).result()


def _close(loop: asyncio.AbstractEventLoop, worker: threading.Thread, client: Client) -> threading.Thread:
    """In a thread of its own, which nobody waits for here: the garbage collector may call this where another
    loop is running, or in the middle of an import that the thread would wait for."""

    def end() -> None:
        asyncio.run_coroutine_threadsafe(client.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        worker.join()
        loop.close()

    thread = threading.Thread(target=end, name="openai-close")
    thread.start()
    return thread


def _wishes(decoding: DecodingOptions) -> dict[str, str | list[str]]:
    """The fields of a request that say how to decode. Beams and fallback are the server's own business."""
    # The model takes up about 200 tokens of a prompt, those at its end; what is named first matters most.
    terms = ""
    for term in decoding.vocabulary:
        if len(terms) + len(term) > _TERMS:
            break
        terms += f", {term}" if terms else term
    prompt = " ".join(part for part in (decoding.prompt, terms) if part)
    wishes: dict[str, str | list[str]] = {"temperature": f"{decoding.temperatures[0]:g}"}
    return wishes | ({"prompt": prompt} if prompt else {})


def _about_format(refusal: Refusal) -> bool:
    return refusal.status in (400, 415, 422) and any(word in refusal.text for word in _FORMAT_WORDS)


def flac(audio: Audio) -> bytes:
    """``audio`` as a FLAC file of 16 bits: a third of a WAV's size, for 0.06 s of work a half minute."""
    import av

    samples = np.clip(audio * 32767.0, -32768, 32767).astype("<i2").reshape(1, -1)
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
