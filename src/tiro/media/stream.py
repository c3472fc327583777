"""What one file becomes while it is decoded: blocks of samples, or windows of speech.

The decoder may have been taken over by what it read: nothing that it says is believed unless it was checked
here, and nothing that it sends can make this process allocate without end.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np

from tiro.errors import DecoderCrashed, LimitExceeded, TiroError, error_for_code
from tiro.media.sandbox import Message, Sandbox
from tiro.media.types import MediaLimits, Samples, SpeechMark, SpeechWindow, WindowSizes
from tiro.speech.channels import LEFT_RIGHT
from tiro.speech.types import (
    SAMPLE_RATE,
    ChannelLayout,
    MediaInfo,
    Notice,
    Span,
    VideoInfo,
    Window,
)

_CHILD_ERRORS = frozenset(
    {
        "unsupported_media",
        "no_audio",
        "empty_media",
        "corrupt_media",
        "limit_exceeded",
        "decoder_crashed",
        "model_unavailable",
    }
)

_SLACK = 0.1  # seconds that a window's times may differ from its audio

Heard = ChannelLayout | SpeechWindow | SpeechMark
"""What a ``SpeechStream`` yields: the layout once, before anything else; then windows and marks."""


class _Stream:
    """One file in its decoder: what is known at the start, and how it ends.

    Attributes:
        channels: those that are decoded, 1 or 2.
        info: what the file is; ``duration`` is filled in when the iteration is over.
        notices: what was wrong with the file (``media_damaged``, ``media_truncated``); complete when the
            iteration is over.

    For one thread; to stop from another, set the ``stop`` event that the stream was opened with. Iterating
    raises CorruptMedia, EmptyMedia, UnsupportedMedia, LimitExceeded, DecoderCrashed or Cancelled; once
    raised, it is raised again each time, so that half a recording never looks like a whole one.
    """

    def __init__(self, sandbox: Sandbox, limits: MediaLimits) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._ended = False
        self._failure: TiroError | None = None
        self.notices: tuple[Notice, ...] = ()
        self.channels, self.info = self._introduction()

    @property
    def pid(self) -> int:
        """The decoder's process."""
        return self._sandbox.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the decoder at once. Iterating further raises DecoderCrashed unless it was over."""
        if not self._ended and self._failure is None:
            self._failure = DecoderCrashed("The recording was closed before it was decoded to its end.")
        self._sandbox.close()

    def _receive(self) -> Message:
        """The next message; an error ends the stream for good."""
        if self._failure is not None:
            raise self._failure
        try:
            return self._sandbox.receive()
        except TiroError as err:
            self._fail(err)

    def _fail(self, error: TiroError) -> NoReturn:
        self._failure = error
        self._sandbox.close(error)
        raise error

    def _introduction(self) -> tuple[int, MediaInfo]:
        header, _ = self._sandbox.receive()
        if header.get("type") != "info":
            raise _refusal(header)
        try:
            channels = int(header["channels"])
            info = _info(header["info"])
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise DecoderCrashed from err
        if channels not in {1, 2}:
            raise DecoderCrashed
        return channels, info

    def _end(self, header: dict[str, Any], duration: float) -> None:
        try:
            self.notices = tuple(_notice(fields) for fields in header["notices"])
        except (KeyError, TypeError) as err:
            raise DecoderCrashed from err
        self.info = dataclasses.replace(self.info, duration=duration)
        self._ended = True
        self._sandbox.close()


class MediaStream(_Stream, Iterator[Samples]):
    """One recording as samples: iterate to get int16 arrays ``(n, channels)`` at 16 kHz.

    Every block holds exactly 16,000 samples (one second), only the last may be shorter. The decoder works
    a little ahead and then waits, so that memory does not depend on the recording's length.
    """

    def __init__(self, sandbox: Sandbox, limits: MediaLimits) -> None:
        super().__init__(sandbox, limits)
        self._parts: deque[Samples] = deque()
        self._held = 0
        self._total = 0

    def __next__(self) -> Samples:
        if self._failure is not None:
            raise self._failure
        while not self._ended and self._held < SAMPLE_RATE:
            message = self._receive()
            try:
                self._take(message)
            except TiroError as err:
                self._fail(err)
        if not self._held:
            raise StopIteration
        return self._block(min(SAMPLE_RATE, self._held))

    def _take(self, message: Message) -> None:
        header, body = message
        match header.get("type"):
            case "pcm":
                width = 2 * self.channels
                if not body or len(body) % width:
                    raise DecoderCrashed
                samples = np.frombuffer(body, dtype=np.int16).reshape(-1, self.channels)
                self._parts.append(samples)
                self._held += len(samples)
                self._total += len(samples)
                if self._total > self._limits.max_duration * SAMPLE_RATE:
                    raise LimitExceeded
            case "end":
                self._end(header, self._total / SAMPLE_RATE)
            case _:
                raise _refusal(header)

    def _block(self, size: int) -> Samples:
        taken: list[Samples] = []
        wanted = size
        while wanted:
            part = self._parts.popleft()
            if len(part) > wanted:
                self._parts.appendleft(part[wanted:])
                part = part[:wanted]
            taken.append(part)
            wanted -= len(part)
        self._held -= size
        return np.concatenate(taken)


class SpeechStream(_Stream, Iterator[Heard]):
    """One recording as windows of speech, found and cut in the decoder's process.

    First comes the layout, once it is clear; then windows in the order of their index, and between them
    marks. The decoder is at most a few windows ahead. Where the sizes of the windows were not known when
    the stream was opened, ``begin`` must be called before iterating.

    Attributes:
        layout: how the channels are used; None before it was yielded.
    """

    def __init__(self, sandbox: Sandbox, limits: MediaLimits, sizes: WindowSizes | None) -> None:
        super().__init__(sandbox, limits)
        self._sizes = sizes
        self._count = 0
        self._safe: tuple[float, ...] = ()  # for each channel
        self.layout: ChannelLayout | None = None

    def begin(self, sizes: WindowSizes) -> None:
        """Say how long the windows shall be; nothing happens where that was said before.

        Raises:
            ValueError: it was said differently.
        """
        if self._sizes is None:
            self._sizes = sizes
            self._sandbox.send(dataclasses.asdict(sizes))
        elif self._sizes != sizes:
            raise ValueError("the windows are being cut to other sizes")

    def __next__(self) -> Heard:
        if self._ended:
            raise StopIteration
        header, body = self._receive()
        try:
            heard = self._taken(header, body)
        except TiroError as err:
            self._fail(err)
        except (KeyError, TypeError, ValueError, OverflowError) as err:
            error = DecoderCrashed()
            error.__cause__ = err
            self._fail(error)
        if heard is None:
            raise StopIteration
        return heard

    def _taken(self, header: dict[str, Any], body: bytes | bytearray) -> Heard | None:
        match header.get("type"):
            case "layout" if self.layout is None:
                self.layout = _layout(header, self.channels)
                self._safe = (0.0,) * len(self.layout.labels)
                return self.layout
            case "window" if self.layout is not None:
                return self._window(header, body)
            case "mark" if self.layout is not None:
                return self._mark(header)
            case "end" if self.layout is not None:
                duration = float(header["duration"])
                if not 0 < duration <= self._limits.max_duration:
                    raise LimitExceeded
                self._end(header, duration)
                return None
            case _:
                raise _refusal(header)

    def _window(self, header: dict[str, Any], body: bytes | bytearray) -> SpeechWindow:
        assert self._sizes is not None
        channel, start, end = int(header["channel"]), float(header["start"]), float(header["end"])
        safe_until = float(header["safe_until"])
        spans, stretches = _spans(header["spans"]), _spans(header["stretches"])
        audio = np.frombuffer(body, dtype="<f4")
        honest = (
            0 <= channel < len(self._safe)
            and _in_order(start, spans, end)
            and _in_order(start, stretches, end)
            and abs(sum(stretch.length for stretch in stretches) - len(audio) / SAMPLE_RATE) <= _SLACK
            and self._safe[channel] <= start < end <= self._limits.max_duration
            and start <= safe_until <= self._limits.max_duration + 1.0
            and len(audio) / SAMPLE_RATE <= self._sizes.max_window + _SLACK
            and bool(np.isfinite(audio).all())
        )
        if not honest:
            raise DecoderCrashed
        window = Window(self._count, channel, start, end, spans, stretches)
        self._count += 1
        self._safe = (*self._safe[:channel], safe_until, *self._safe[channel + 1 :])
        return SpeechWindow(window, audio, safe_until)

    def _mark(self, header: dict[str, Any]) -> SpeechMark:
        safe = tuple(float(time) for time in header["safe_until"])
        if len(safe) != len(self._safe) or not all(
            before <= now <= self._limits.max_duration + 1.0
            for before, now in zip(self._safe, safe, strict=True)
        ):
            raise DecoderCrashed
        self._safe = safe
        return SpeechMark(safe)


def _spans(pairs: Any) -> tuple[Span, ...]:
    return tuple(Span(float(low), float(high)) for low, high in pairs)


def _in_order(start: float, spans: tuple[Span, ...], end: float) -> bool:
    edges = [start, *(edge for span in spans for edge in (span.start, span.end)), end]
    return all(map(math.isfinite, edges)) and edges == sorted(edges)


def _refusal(header: dict[str, Any]) -> TiroError:
    code = header.get("code")
    if header.get("type") == "error" and code in _CHILD_ERRORS:
        return error_for_code(str(code), str(header.get("message", ""))[:500])
    return DecoderCrashed()


def _layout(fields: dict[str, Any], channels: int) -> ChannelLayout:
    reason = str(fields["reason"])[:200]
    if fields["mode"] == "split" and channels == 2:
        return ChannelLayout("split", LEFT_RIGHT, reason)
    if fields["mode"] == "mix":
        return ChannelLayout("mix", (None,), reason)
    raise DecoderCrashed


def _info(fields: dict[str, Any]) -> MediaInfo:
    """The child's description, each field made what it should be.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    video, rate, claimed = fields["video"], fields["bit_rate"], fields["claimed_duration"]
    return MediaInfo(
        container=str(fields["container"])[:32],
        codec=str(fields["codec"])[:32],
        sample_rate=int(fields["sample_rate"]),
        channels=int(fields["channels"]),
        bit_rate=None if rate is None else int(rate),
        claimed_duration=None if claimed is None else float(claimed),
        video=video and _video(video),
    )


def _notice(fields: dict[str, Any]) -> Notice:
    return Notice(str(fields["code"])[:64], str(fields["message"])[:500])


def _video(fields: dict[str, Any]) -> VideoInfo:
    rate = fields["frame_rate"]
    return VideoInfo(int(fields["width"]), int(fields["height"]), None if rate is None else float(rate))
