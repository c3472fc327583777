"""The form of OpenAI's audio requests. What is not understood is refused, never dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tiro.errors import InvalidRequest, TiroError
from tiro.http.fields import form_flag
from tiro.speech.languages import language_code
from tiro.speech.options import Spoken, TranscriptionOptions, numbers, spoken
from tiro.speech.types import Task

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
STREAMED = ("json", "text", "diarized_json")
_TRANSLATION_FORMATS = FORMATS[:5]

_TRANSLATION_FIELDS = frozenset({"model", "prompt", "response_format", "temperature"})
_LISTS = frozenset(
    {
        "timestamp_granularities",
        "include",
        "keywords",
        "languages",
        "known_speaker_names",
        "known_speaker_references",
    }
)
_FIELDS = _TRANSLATION_FIELDS | _LISTS | {"language", "stream", "chunking_strategy"}


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """One request, checked. ``granularities`` holds ``word`` and ``segment``."""

    model: str
    task: Task
    response_format: str
    granularities: frozenset[str]
    stream: bool
    options: TranscriptionOptions


def refused(param: str, message: str) -> InvalidRequest:
    error = InvalidRequest(message)
    error.param = param
    return error


def read(fields: Mapping[str, list[str]], task: Task, engine_of: Mapping[str, str]) -> AudioRequest:
    """Check the fields beside the file.

    Args:
        engine_of: the engine for each model name that is no engine's; other names stand for themselves.

    Raises:
        InvalidRequest: its ``param`` is the field's name.
        UnsupportedLanguage
    """
    given, vad = _gather(fields, task)

    def one(name: str) -> str | None:
        return given.get(name, [None])[-1]

    model = one("model")
    if model is None:
        raise refused("model", "you must provide a model parameter")
    answer = one("response_format") or "json"
    allowed = FORMATS if task == "transcribe" else _TRANSLATION_FORMATS
    if answer not in allowed:
        raise refused("response_format", f"response_format: one of {', '.join(allowed)}.")
    grains = _granularities(given.get("timestamp_granularities", []), answer)
    stream = _flag(one("stream"))
    if stream and answer not in STREAMED:
        raise refused("stream", f"stream: only with response_format {', '.join(STREAMED)}.")
    _check_unavailable(given)
    _check_chunking(one("chunking_strategy"), vad)
    options = _options(given, task, engine_of.get(model, model))
    return AudioRequest(model, task, answer, grains, stream, options)


def _gather(fields: Mapping[str, list[str]], task: Task) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The fields without brackets, and the parts of a `chunking_strategy` sent as `…[type]` and so on."""
    given: dict[str, list[str]] = {}
    vad: dict[str, str] = {}
    for name, texts in fields.items():
        plain = name.removesuffix("[]")
        if task == "transcribe" and name.startswith("chunking_strategy[") and name.endswith("]"):
            vad[name[len("chunking_strategy[") : -1]] = texts[-1]
            continue
        known = _FIELDS if task == "transcribe" else _TRANSLATION_FIELDS
        if plain not in known or (plain != name and plain not in _LISTS):
            raise refused(name[:100], f"Unrecognized request argument supplied: {name[:100]}")
        if filled := [text.strip() for text in texts if text.strip()]:
            given.setdefault(plain, []).extend(filled)
    return given, vad


def _flag(text: str | None) -> bool:
    value = False if text is None else form_flag(text)
    if value is None:
        raise refused("stream", "stream: true or false.")
    return value


def _granularities(texts: list[str], answer: str) -> frozenset[str]:
    grains = frozenset(texts)
    if unknown := grains - {"word", "segment"}:
        raise refused(
            "timestamp_granularities", f"timestamp_granularities: word or segment, not '{min(unknown)[:40]}'."
        )
    if grains and answer != "verbose_json":
        raise refused("timestamp_granularities", "timestamp_granularities: only with verbose_json.")
    return grains or frozenset({"segment"})


def _check_unavailable(given: Mapping[str, list[str]]) -> None:
    if "include" in given:
        raise refused("include", "include: no engine here gives the log probabilities of its tokens.")
    for name in ("known_speaker_names", "known_speaker_references"):
        if name in given:
            raise refused(name, f"{name}: speakers are not yet recognised by their voice here.")


def _check_chunking(text: str | None, parts: Mapping[str, str]) -> None:
    """Tiro cuts where nobody speaks, which is what `auto` and a plain `server_vad` ask for."""
    asked: object = dict(parts) or text or "auto"
    if isinstance(asked, str) and asked.startswith("{"):
        try:
            asked = json.loads(asked)
        except (ValueError, RecursionError) as err:
            raise refused("chunking_strategy", "chunking_strategy: this is no JSON.") from err
    if asked in ("auto", {"type": "server_vad"}):
        return
    if isinstance(asked, dict) and asked.get("type") == "server_vad":
        raise refused(
            "chunking_strategy", "chunking_strategy: server_vad without further values; they are fixed here."
        )
    raise refused("chunking_strategy", 'chunking_strategy: "auto" or {"type": "server_vad"}.')


def _options(given: Mapping[str, list[str]], task: Task, engine: str) -> TranscriptionOptions:
    field = "temperature"
    try:
        asked = numbers(given.get("temperature", [])[-1:], field)
        if len(asked) > 1:
            raise InvalidRequest("temperature: one number from 0 to 1.")
        field = "languages" if "languages" in given else "language"
        said = spoken(given.get("language", [None])[-1])
        several = {code for text in given.get("languages", []) if (code := language_code(text))}
        if several and any(said):
            raise InvalidRequest("languages: either language or languages.")
        if len(several) == 1:
            said = Spoken(several.pop())
        elif several:
            said = Spoken(mixed_languages=True)
        field = "keywords"
        vocabulary = tuple(dict.fromkeys(given.get("keywords", [])))
        # The bounds are checked one by one, so that the answer can name the field.
        TranscriptionOptions(vocabulary=vocabulary)
        field = "temperature"
        TranscriptionOptions(temperatures=asked)
        field = "prompt"
        return TranscriptionOptions(
            engine=engine,
            task=task,
            language=said.language,
            mixed_languages=said.mixed_languages,
            detect_language=said.detect_language,
            vocabulary=vocabulary,
            prompt=given.get("prompt", [None])[-1],
            # 0 means "choose, and go up where it is needed": what Tiro does where nothing is said.
            temperatures=asked if any(asked) else (),
        )
    except TiroError as error:
        error.param = error.param or field
        raise
