"""A transcript as text for people, players and spreadsheets.

Whatever is in a transcript's text, the result is well formed: the text comes from a model that heard what
anyone may have said, and speakers' names from whoever typed them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tiro.speech.types import Segment
from tiro.speech.words import Piece, clean, join, pieces

LINE_WIDTH = 42
"""Columns of a line of captions; a wide (East Asian) character takes two."""

_LINES = 2
_PARAGRAPH_PAUSE = 2.0  # seconds of silence that begin a new paragraph where no speaker is known
_ARROW = re.compile(r"--+>")
# A spreadsheet takes these for a formula, also behind a quotation mark that it strips, and in full width.
_FORMULA = ("=", "+", "-", "@", '"', "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(slots=True)
class _Cue:
    """What is shown at one time: times in whole milliseconds, one or two lines."""

    start: int
    end: int
    speaker: str | None
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Format:
    """A format of transcripts: ``extension`` without the dot, ``render`` from segments in time order."""

    extension: str
    media_type: str
    render: Callable[[Sequence[Segment]], str]


def srt(segments: Sequence[Segment]) -> str:
    """SubRip: numbered cues, the speaker before the text."""
    blocks = []
    for number, cue in enumerate(_cues(segments, named=True), 1):
        times = f"{_time(cue.start, ',')} --> {_time(cue.end, ',')}"
        lines = (_ARROW.sub("->", line) for line in cue.lines)
        blocks.append("\n".join([str(number), times, *lines]) + "\n")
    return "\n".join(blocks)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT, the speaker as a voice tag."""
    blocks = ["WEBVTT\n"]
    for cue in _cues(segments, named=False):
        times = f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}"
        voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
        text = voice + "\n".join(map(_escape, cue.lines))
        blocks.append(f"{times}\n{text}\n")
    return "\n".join(blocks)


def tsv(segments: Sequence[Segment]) -> str:
    """Tab-separated: start and end in milliseconds, speaker, text. No cell is taken for a formula.

    Backslash, tab and line ends are written as ``\\\\``, ``\\t``, ``\\n`` and ``\\r``.
    """
    rows = ["start\tend\tspeaker\ttext\n"]
    for segment in segments:
        start, end = _milliseconds(segment.start, segment.end)
        rows.append(f"{start}\t{end}\t{_cell(segment.speaker or '')}\t{_cell(segment.text)}\n")
    return "".join(rows)


def txt(segments: Sequence[Segment]) -> str:
    """Plain text: a paragraph a turn, with ``speaker:`` before it; without speakers, one for each stretch of
    speech between pauses of two seconds."""
    paragraphs: list[tuple[str, list[str]]] = []
    before: Segment | None = None
    for segment in segments:
        text = clean(segment.text)
        if not text:
            continue
        speaker = clean(segment.speaker or "")
        same = before is not None and clean(before.speaker or "") == speaker
        paused = before is not None and segment.start - before.end >= _PARAGRAPH_PAUSE
        if not same or (paused and not speaker):
            paragraphs.append((speaker, []))
        paragraphs[-1][1].append(text)
        before = segment
    turns = (f"{speaker}: {join(texts)}" if speaker else join(texts) for speaker, texts in paragraphs)
    return "\n\n".join(turns) + ("\n" if paragraphs else "")


FORMATS: dict[str, Format] = {
    "txt": Format("txt", "text/plain", txt),
    "srt": Format("srt", "application/x-subrip", srt),
    "vtt": Format("vtt", "text/vtt", vtt),
    "tsv": Format("tsv", "text/tab-separated-values", tsv),
}
"""The formats by name, for the command line and for HTTP alike."""


def _milliseconds(start: float, end: float) -> tuple[int, int]:
    """Rounded, never negative, and never of no length: players drop such cues."""
    low = max(0, round(start * 1000))
    return low, max(low + 1, round(end * 1000))


def _time(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    text = (
        text.strip(" ").replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    )
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cues(segments: Sequence[Segment], *, named: bool) -> Iterator[_Cue]:
    """Cues of at most two lines, each at least as long as it takes to be shown at all.

    ``named`` puts the speaker into the first line.
    """
    for segment in segments:
        if not clean(segment.text):
            continue
        speaker = clean(segment.speaker or "") or None
        prefix = f"{speaker}: " if named and speaker else ""
        parts = _parts(segment, prefix)
        for number, part in enumerate(parts):
            low = segment.start if number == 0 else part[0].start
            high = segment.end if number == len(parts) - 1 else part[-1].end
            start, end = _milliseconds(low, high)
            yield _Cue(start, end, speaker, _wrap(prefix + _text(part)))


def _parts(segment: Segment, prefix: str) -> list[list[Piece]]:
    """The pieces of a segment, cue by cue, about equally long so that no single word is left over."""
    units = [unit for piece in pieces(segment) for unit in _short(piece)]
    room = LINE_WIDTH * _LINES
    total = _width(clean(segment.text))
    count = max(1, -(-total // max(LINE_WIDTH, room - _width(prefix) - LINE_WIDTH // 4)))
    if _fits(units, prefix):
        count = 1
    parts: list[list[Piece]] = [[]]
    for unit in units:
        full = parts[-1] and (
            (_width(_text(parts[-1])) >= total / count and count > 1) or not _fits([*parts[-1], unit], prefix)
        )
        if full:
            parts.append([])
        parts[-1].append(unit)
    return [part for part in parts if _text(part)]


def _fits(part: list[Piece], prefix: str) -> bool:
    return len(_wrap(prefix + _text(part))) <= _LINES


def _text(part: list[Piece]) -> str:
    return clean("".join(piece.text for piece in part))


def _short(piece: Piece) -> Iterator[Piece]:
    """A piece that is longer than a line, in pieces that are not."""
    characters = max(1, LINE_WIDTH // 2)
    if _width(piece.text) <= LINE_WIDTH:
        yield piece
        return
    pace = (piece.end - piece.start) / len(piece.text)
    for low in range(0, len(piece.text), characters):
        text = piece.text[low : low + characters]
        start = piece.start + pace * low
        yield Piece(text, start, start + pace * len(text))


def _wrap(text: str) -> list[str]:
    """Lines of at most ``LINE_WIDTH`` columns, the two of a cue about equally long."""
    if _width(text) <= LINE_WIDTH:
        return [text]
    lines = _fill(text, LINE_WIDTH)
    if len(lines) == _LINES:
        for width in range(max(1, _width(text) // 2), LINE_WIDTH):
            even = _fill(text, width)
            if len(even) == _LINES and all(_width(line) <= LINE_WIDTH for line in even):
                return even
    return lines


def _fill(text: str, width: int) -> list[str]:
    lines = [""]
    taken = 0
    for unit in re.findall(r"\s*\S+", text):
        size = _width(unit)
        if taken and taken + size > width:
            lines.append("")
            taken = 0
        bare = unit if lines[-1] else unit.strip()
        for character in bare if _width(bare) > width else [bare]:
            size = _width(character)
            if taken and taken + size > width:
                lines.append("")
                taken = 0
            lines[-1] += character
            taken += size
    return [line.strip() for line in lines if line.strip()]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
