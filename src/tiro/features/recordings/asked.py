"""What a sender may ask for: the fields beside the file."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from tiro.errors import InvalidRequest
from tiro.features.jobs.states import Priority
from tiro.http.fields import form_flag
from tiro.speech.options import TranscriptionOptions, numbers, spoken, terms
from tiro.speech.types import ChannelMode, Task

_MAX_NAME = 200
_MAX_MARKS = 1000


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to be remembered of a moment, in seconds from the recording's start."""

    at: float
    text: str


def _flag(value: Any) -> Any:
    """Raises ValueError where a form's field is no truth value."""
    read = form_flag(value.strip()) if isinstance(value, str) else value
    if read is None:
        raise ValueError("true or false")
    return read


class Asked(BaseModel):
    """The fields of the upload form beside the file. Those with lists may come several times."""

    engine: str | None = None
    language: str | None = None
    channels: ChannelMode = "auto"
    task: Task = "transcribe"
    vocabulary: list[str] = []
    prompt: str | None = None
    beam: int | None = None
    temperature: list[str] = []
    word_times: Annotated[bool, BeforeValidator(_flag)] = True
    guard_off: list[str] = []
    priority: Priority = Priority.NORMAL
    title: str | None = Field(None, max_length=1000)
    batch: str | None = None
    marks: list[str] = []

    @classmethod
    def of(cls, fields: Mapping[str, list[str]]) -> Asked:
        """Empty fields count as left out; of one that should come once, the last counts.

        Raises:
            InvalidRequest: a value does not fit its field.
        """
        values: dict[str, Any] = {}
        for name, texts in fields.items():
            given = [text for text in texts if text.strip()]
            several = isinstance(cls.model_fields[name].default, list) if name in cls.model_fields else False
            if given:
                values[name] = given if several else given[-1]
        try:
            asked = cls.model_validate(values)
        except ValidationError as err:
            lines = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in err.errors())
            raise InvalidRequest("; ".join(lines)) from err
        asked.moments()
        return asked

    def moments(self) -> tuple[Mark, ...]:
        """Raises InvalidRequest where a mark has no time, or no text."""
        lines = [line for text in self.marks for line in text.splitlines() if line.strip()]
        if len(lines) > _MAX_MARKS:
            raise InvalidRequest(f"marks: {_MAX_MARKS} at most.")
        return tuple(_mark(line) for line in lines)

    def options(self, default_engine: str) -> TranscriptionOptions:
        said = spoken(self.language)
        return TranscriptionOptions(
            engine=self.engine or default_engine,
            language=said.language,
            mixed_languages=said.mixed_languages,
            detect_language=said.detect_language,
            channels=self.channels,
            task=self.task,
            vocabulary=terms(self.vocabulary),
            prompt=self.prompt,
            beam=self.beam,
            temperatures=numbers(self.temperature, "temperature"),
            word_times=self.word_times,
            guard_off=terms(self.guard_off),
        )


def _mark(line: str) -> Mark:
    seconds, _, text = line.strip().partition(" ")
    try:
        at = float(seconds)
    except ValueError:
        at = math.nan
    if not (math.isfinite(at) and at >= 0 and any(char.isprintable() and char != " " for char in text)):
        raise InvalidRequest("marks: a line has seconds, a space, and a text, such as '12.5 The offer'.")
    return Mark(at, text.strip())


def clean_name(name: str) -> str:
    """A name as harmless text: no folders, no control or direction marks, not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    return shown.strip()[:_MAX_NAME].strip()
