"""A remote server's answer into segments. Nothing in it is believed before it was looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from tiro.errors import RemoteNonsense, UnsupportedLanguage
from tiro.speech.languages import language_code
from tiro.speech.types import Quality, Segment, Word

BEYOND = 30.0
"""Seconds that a time may lie after the end: Whisper fills its window of 30 s up and may hear that."""


def read(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``.

    Raises:
        RemoteNonsense
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as err:
        kind = "a web page" if body.lstrip()[:1] == b"<" else "no JSON"
        raise nonsense(f"it is {kind}") from err
    if not isinstance(answer, dict):
        raise nonsense("it is no JSON object")
    return answer


def segments(answer: Mapping[str, Any], duration: float, language: str | None) -> list[Segment]:
    """The segments of an answer in the format ``json`` or ``verbose_json``, in order inside ``duration``.

    Args:
        language: the code that was asked for; where it is None, what the server heard is taken.

    Raises:
        RemoteNonsense: a field is missing or of the wrong type, or a time is no time of this window.
    """
    spoken = language or _language(answer.get("language"))
    words = [_word(item, duration) for item in _list(answer, "words")]
    found = [_raw(item, duration) for item in _list(answer, "segments")]
    if not any(item.text for item in found):
        text = _text(answer.get("text"), "text")
        # Plain `json` has no times: the text lies somewhere in the window.
        found = [_Raw(words[0].start, words[-1].end, text) if words else _Raw(0.0, duration, text)]
    in_order = list(_in_order(found, duration))
    return [
        Segment(
            item.start,
            item.end,
            item.text,
            timed,
            confidence=_probability(item.quality.avg_logprob) if item.quality else None,
            language=spoken,
            quality=item.quality,
        )
        for item, timed in zip(in_order, _timed(in_order, words), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Raw:
    start: float
    end: float
    text: str
    quality: Quality | None = None


def _raw(item: Any, duration: float) -> _Raw:
    if not isinstance(item, dict):
        raise nonsense("a segment is no object")
    quality = Quality(
        avg_logprob=_figure(item, "avg_logprob"),
        no_speech_prob=_figure(item, "no_speech_prob"),
        compression_ratio=_figure(item, "compression_ratio"),
        temperature=_figure(item, "temperature"),
    )
    return _Raw(
        _time(item, "start", duration),
        _time(item, "end", duration),
        _text(item.get("text"), "a segment's text"),
        None if quality == Quality() else quality,
    )


def _word(item: Any, duration: float) -> Word:
    if not isinstance(item, dict):
        raise nonsense("a word is no object")
    probability = _figure(item, "probability")
    if probability is not None:
        probability = min(1.0, max(0.0, probability))
    start, end = _time(item, "start", duration), _time(item, "end", duration)
    return Word(start, max(start, end), _text(item.get("word"), "a word"), probability)


def _in_order(found: list[_Raw], duration: float) -> Iterator[_Raw]:
    """Without those that are empty; each inside the window, none over another."""
    reached = 0.0
    for item in found:
        if item.text:
            start = min(max(item.start, reached), duration)
            reached = min(max(item.end, start), duration)
            yield _Raw(start, reached, item.text, item.quality)


# --- words ------------------------------------------------------------------------------------------


def _timed(found: list[_Raw], words: list[Word]) -> list[tuple[Word, ...]]:
    """The words of each segment, as its text writes them, with the times that the server gave.

    Servers list words without punctuation and beside the segments, so the two texts are laid over one
    another. A word of the text that the list lacks gets its time from its neighbours and no confidence.
    """
    tokens = [(place, token) for place, item in enumerate(found) for token in item.text.split()]
    # Whoever numbers thousands of words in one window has gone wrong; laying them over would take minutes.
    if not words or len(words) > 5000 or len(tokens) > 5000:
        return [()] * len(found)
    matcher = SequenceMatcher(
        None, [_bare(token) for _, token in tokens], [_bare(word.text) for word in words], autojunk=False
    )
    matched: dict[int, Word] = {}
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            matched[block.a + offset] = words[block.b + offset]
    timed: list[tuple[Word, ...]] = []
    first = 0
    for item in found:
        count = len(item.text.split())
        known = [matched.get(index) for index in range(first, first + count)]
        if any(known):
            timed.append(tuple(_filled(item, item.text.split(), known)))
        else:
            timed.append(tuple(_inside(item, words)))
        first += count
    return timed


def _bare(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum()) or text


def _filled(item: _Raw, tokens: list[str], known: list[Word | None]) -> Iterator[Word]:
    """All tokens of one segment with times in order; a run of unknown ones shares the room between its
    neighbours evenly."""
    reached = item.start
    index = 0
    while index < len(tokens):
        if word := known[index]:
            start = min(max(word.start, reached), item.end)
            reached = min(max(word.end, start), item.end)
            yield Word(start, reached, tokens[index], word.confidence)
            index += 1
            continue
        stop = next((place for place in range(index, len(tokens)) if known[place]), len(tokens))
        following = known[stop] if stop < len(tokens) else None
        until = min(max(following.start, reached), item.end) if following else item.end
        step = (until - reached) / (stop - index)
        begin = reached
        for place in range(index, stop):
            end = until if place == stop - 1 else begin + (place - index + 1) * step
            yield Word(reached, max(reached, end), tokens[place])
            reached = max(reached, end)
        index = stop


def _inside(item: _Raw, words: list[Word]) -> Iterator[Word]:
    """The server's own words whose middle lies in the segment: for scripts without spaces between words."""
    reached = item.start
    for word in words:
        if word.text and item.start <= (word.start + word.end) / 2 < item.end:
            start = min(max(word.start, reached), item.end)
            reached = min(max(word.end, start), item.end)
            yield Word(start, reached, word.text, word.confidence)


# --- single values ------------------------------------------------------------------------------------


def nonsense(why: str) -> RemoteNonsense:
    return RemoteNonsense(f"{RemoteNonsense.default} ({why}.)")


def _list(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise nonsense(f"'{name}' is no list")
    return found


def _text(value: Any, what: str) -> str:
    """One line of text that every database and file can hold."""
    if not isinstance(value, str):
        raise nonsense(f"{what} is missing" if value is None else f"{what} is no text")
    # JSON may carry half a surrogate pair, which no encoding can write, and control characters.
    whole = value.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in whole).split())


def _finite(value: Any, what: str) -> float:
    """``value`` as a float; NaN where it is a number but not a finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise nonsense(f"'{what}' is no number")
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _time(item: Mapping[str, Any], name: str, duration: float) -> float:
    seconds = _finite(item.get(name), name)
    if not -1.0 <= seconds <= duration + BEYOND:  # false for NaN too
        raise nonsense(f"the time {seconds:.6g} s lies outside the audio, which lasts {duration:.6g} s")
    return min(max(seconds, 0.0), duration)


def _figure(item: Mapping[str, Any], name: str) -> float | None:
    """A figure about quality: None where it is not said or is NaN, which fp16 on some GPUs gives."""
    if item.get(name) is None:
        return None
    number = _finite(item[name], name)
    return None if math.isnan(number) else number


def _probability(avg_logprob: float | None) -> float | None:
    return None if avg_logprob is None else math.exp(min(0.0, avg_logprob))


def _language(name: Any) -> str | None:
    """The code of what the server calls ``english`` or ``en``; None where we do not know it."""
    if not isinstance(name, str):
        return None
    try:
        return language_code(name)
    except UnsupportedLanguage:
        return None
