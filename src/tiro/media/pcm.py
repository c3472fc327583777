"""Decoding with FFmpeg's libraries: one open file in, 16 kHz int16 out. Runs only inside the decoder's child.

What it reads is hostile until shown otherwise: only the demuxer that the file's first bytes ask for is
opened, nothing else may be opened from within it, and every cap is held against what comes out.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import av
import av.error
import numpy as np

from tiro.errors import CorruptMedia, EmptyMedia, LimitExceeded, NoAudio, UnsupportedMedia
from tiro.media.clock import Clock
from tiro.media.extent import ends_early
from tiro.media.probe import DEMUXERS, Container, sniff
from tiro.media.resample import Resampler
from tiro.media.types import MediaLimits, Samples
from tiro.speech.types import SAMPLE_RATE, MediaInfo, Notice, VideoInfo

MIN_SAMPLE_RATE = 1000
"""Hertz. Below it there is no speech left, and a small file would swell without end when resampled."""

_MAX_FRAME = 1 << 20  # samples of one decoded frame; the largest honest frames hold 65,536
_HEADER = 4096  # bytes; a file with no sound in it is not larger
_MAX_READ_ERRORS = 32  # in a row, after which the rest of the file is given up
_CODECS = frozenset(
    """
    aac aac_latm ac3 eac3 alac amrnb amrwb flac g722 g723_1 g726 g726le gsm gsm_ms ilbc mp1 mp1float mp2
    mp2float mp3 mp3float opus speex truespeech tta vorbis wavpack wmalossless wmapro wmav1 wmav2 wmavoice
    adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_yamaha
    pcm_alaw pcm_mulaw pcm_s8 pcm_u8 pcm_s16be pcm_s16le pcm_u16be pcm_u16le pcm_s24be pcm_s24le pcm_u24be
    pcm_u24le pcm_s32be pcm_s32le pcm_u32be pcm_u32le pcm_s64be pcm_s64le pcm_f16le pcm_f24le pcm_f32be
    pcm_f32le pcm_f64be pcm_f64le
    """.split()  # noqa: SIM905 (as a list it fills a screen)
)
# Demuxers whose length comes from the file's own header; the others only guess it from the bit rate.
_CLAIMING = frozenset({"wav", "w64", "flac", "mov", "matroska", "asf", "aiff", "au", "caf", "avi"})
# Demuxers that carry time stamps; those of the others are only counted from what was read.
_STAMPING = frozenset({"ogg", "matroska", "mov", "asf", "mpegts", "flac"})


class Source:
    """The file as FFmpeg sees it: bytes and nothing else; no name, no path.

    Reads at its own position, so that the offset that the descriptor shares with the parent never moves.
    ``alive`` is called at each read: a decoder that reads is not stuck.
    """

    def __init__(self, fd: int, alive: Callable[[], None]) -> None:
        self._fd = fd
        self._alive = alive
        self._position = 0
        self.size = os.fstat(fd).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def read(self, length: int) -> bytes:
        self._alive()
        data = os.pread(self._fd, length, self._position) if self._position < self.size else b""
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            return -errno.EINVAL  # FFmpeg's own convention: a damaged file may well ask for this
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position


class Decoding:
    """One file being decoded: ``info`` and ``channels`` after ``start``, then ``blocks``, then ``notices``.

    Raises, from ``start`` and while iterating: EmptyMedia, UnsupportedMedia, NoAudio, CorruptMedia,
    LimitExceeded; MemoryError where the child's cap is reached.
    """

    def __init__(self, source: Source, limits: MediaLimits, *, keep_stereo: bool) -> None:
        self._source = source
        self._limits = limits
        self._keep_stereo = keep_stereo
        self._foreign = False
        self._damaged = 0
        self._cut = False
        self._samples = 0
        self._resampler: Resampler | None = None
        self.channels = 1

    @property
    def duration(self) -> float:
        """Seconds that were decoded so far."""
        return self._samples / SAMPLE_RATE

    def start(self) -> MediaInfo:
        """Open the file and decode up to its first frame, since only a frame says what the sound truly is."""
        self._kind = self._sniffed()
        self._container = self._opened(self._kind)
        self._stream = self._best_stream()
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        if self._first is None:
            self._nothing()
        self.channels = 2 if self._keep_stereo and self._first.layout.nb_channels == 2 else 1
        return self._described(self._first)

    def blocks(self) -> Iterator[Samples]:
        """Int16 arrays ``(n, channels)``, n as the file's frames have it."""
        cap = self._limits.max_duration * SAMPLE_RATE
        for block in self._resampled():
            self._samples += len(block)
            if self._samples > cap:
                raise LimitExceeded(
                    f"The recording is longer than {_spoken(self._limits.max_duration)}, which is the most"
                    " that this server accepts. Cut it into parts."
                )
            yield block
        if not self._samples:
            self._nothing()

    def notices(self) -> tuple[Notice, ...]:
        """What was wrong with the file; complete only after ``blocks`` is exhausted."""
        found = []
        if self._damaged:
            message = f"The file is damaged: {self._damaged} pieces could not be decoded and were skipped."
            found.append(Notice("media_damaged", message))
        claimed = self._claimed() if self._claims() else None
        missing = (claimed or 0.0) - self.duration
        short = missing > max(0.5, 0.02 * (claimed or 0.0))
        if short or self._cut or ends_early(self._source.read_at, self._source.size, self._kind):
            message = f"The file ends early: {self.duration:.1f} seconds could be read"
            message += f" of the {claimed:.1f} that it announces." if claimed and short else "."
            found.append(Notice("media_truncated", message))
        return tuple(found)

    def _sniffed(self) -> Container:
        if self._source.size == 0:
            raise EmptyMedia
        kind = sniff(self._source.read_at)
        if kind is None:
            raise UnsupportedMedia
        return kind

    def _opened(self, kind: Container) -> Any:
        # The lists are for what a demuxer may open inside itself, such as subtitles in an AVI; protocols
        # are never needed, since all bytes come through the source.
        options = {
            "format_whitelist": ",".join(sorted(DEMUXERS)) + ",mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
            "codec_whitelist": ",".join(sorted(_CODECS)),
            "protocol_whitelist": "none",
            "max_streams": "100",
        }
        try:
            return av.open(
                self._source,
                format=kind.demuxer,
                container_options=options,
                metadata_errors="replace",
                buffer_size=64 * 1024,
                io_open=self._refuse,
            )
        except MemoryError:
            raise
        except (av.error.FFmpegError, OSError, ValueError) as err:
            self._judge(err)
            if kind.demuxer == "mov":
                raise CorruptMedia(_NO_INDEX) from err
            raise CorruptMedia from err

    def _refuse(self, url: str, flags: int, options: dict[str, str]) -> NoReturn:
        self._foreign = True
        raise PermissionError("a recording may not open other files")

    def _judge(self, err: Exception) -> None:
        """Raise where the fault is not damage: a way out was tried, or the disk failed under the source."""
        if self._foreign:
            raise UnsupportedMedia(_FOREIGN) from err
        if isinstance(err, OSError) and not isinstance(err, av.error.FFmpegError):
            raise err

    def _best_stream(self) -> Any:
        stream = self._container.streams.best("audio")
        if stream is None:
            if self._container.streams.audio:
                raise UnsupportedMedia(_UNKNOWN_CODEC)
            raise NoAudio
        codec = stream.codec_context
        if codec is None or codec.codec.name not in _CODECS:
            raise UnsupportedMedia(_UNKNOWN_CODEC)
        for other in self._container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        self._check(codec.sample_rate, codec.channels)
        codec.thread_count = 1
        codec.options = {"max_samples": str(_MAX_FRAME)}
        return stream

    def _check(self, rate: int, channels: int) -> None:
        limits = self._limits
        if channels > limits.max_channels:
            raise LimitExceeded(
                f"The recording has {channels} channels; at most {limits.max_channels} are read."
            )
        if rate > limits.max_sample_rate:
            message = (
                f"The recording's sample rate is {rate} Hz; at most {limits.max_sample_rate} Hz are read."
            )
            raise LimitExceeded(message)
        if 0 < rate < MIN_SAMPLE_RATE:
            raise UnsupportedMedia(f"The recording's sample rate is {rate} Hz, too low for speech.")

    def _packets(self) -> Iterator[Any]:
        """Packets of the chosen stream. A demuxer often goes on behind a damaged place, so ask it again."""
        errors = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    if packet.size:
                        # A corrupt packet with another behind it is damage; at the end it is cut off.
                        self._damaged += self._cut
                        self._cut = bool(packet.is_corrupt)
                        yield packet
                return
            except MemoryError:
                raise
            except IndexError:
                # At the end PyAV flushes also streams that turned up late and that it does not know.
                return
            except (av.error.FFmpegError, OSError, ValueError) as err:
                self._judge(err)
                errors += 1
                if errors == 1:
                    self._damaged += 1
                if errors > _MAX_READ_ERRORS:
                    return

    def _decoded(self) -> Iterator[Any]:
        codec = self._stream.codec_context
        for packet in self._packets():
            yield from self._frames_of(codec, packet)
        yield from self._frames_of(codec, None)

    def _frames_of(self, codec: Any, packet: Any) -> Iterator[Any]:
        try:
            frames = codec.decode(packet)
        except MemoryError:
            raise
        except EOFError:
            return
        except (av.error.FFmpegError, ValueError):
            self._damaged += 1
            return
        for frame in frames:
            if frame.samples and frame.sample_rate:
                self._check(frame.sample_rate, frame.layout.nb_channels)
                yield frame

    def _resampled(self) -> Iterator[Samples]:
        for at, frame in self._clock():
            if at is not None or self._resampler is None or not self._resampler.takes(frame):
                if self._resampler is not None:
                    yield from self._resampler.flush()
                if at is not None:
                    yield from self._silence(round(at * SAMPLE_RATE))
                self._resampler = Resampler(frame, self.channels)
            yield from self._resampler.feed(frame)
        if self._resampler is not None:
            yield from self._resampler.flush()

    def _clock(self) -> Iterable[tuple[float | None, Any]]:
        """The frames from the first, each with its time where that is not the end of the one before."""
        frames = itertools.chain((self._first,), self._frames)
        if self._kind.demuxer not in _STAMPING:
            return ((None, frame) for frame in frames)
        stream, container = self._stream, self._container
        known = stream.start_time is not None and stream.time_base is not None
        first = float(stream.start_time * stream.time_base) if known else None
        zero = None if container.start_time is None else container.start_time / av.time_base
        whole = (container.duration or 0) / av.time_base
        return Clock(frames, zero=zero, first=first, claimed=max(whole, self._claimed() or 0.0) or None)

    def _silence(self, until: int) -> Iterator[Samples]:
        """Zeros up to a position in samples, a second at a time; ``blocks`` counts them like any sound."""
        while (missing := until - self._samples) > 0:
            yield np.zeros((min(missing, SAMPLE_RATE), self.channels), dtype=np.int16)

    def _nothing(self) -> NoReturn:
        """No frame came: a file that is hardly more than a header is empty, anything else is damaged."""
        if self._damaged or self._cut or self._claimed() or self._source.size > _HEADER:
            raise CorruptMedia
        raise EmptyMedia("The recording has no sound in it: its length is zero.")

    def _claims(self) -> bool:
        if self._kind.demuxer == "mp3":
            head = self._source.read_at(0, 256 * 1024)
            return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
        # Matroska gives one length for the whole file, and the sound may rightly end before the picture.
        shared = self._stream.duration is None and bool(self._container.streams.video)
        return self._kind.demuxer in _CLAIMING and not shared

    def _claimed(self) -> float | None:
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / av.time_base
        else:
            return None
        return seconds if seconds > 0 else None

    def _described(self, first: Any) -> MediaInfo:
        codec = self._stream.codec_context
        return MediaInfo(
            container=self._kind.name,
            codec=codec.codec.canonical_name,
            sample_rate=first.sample_rate,
            channels=first.layout.nb_channels,
            bit_rate=codec.bit_rate or self._container.bit_rate or None,
            claimed_duration=self._claimed(),
            video=self._video(),
        )

    def _video(self) -> VideoInfo | None:
        for stream in self._container.streams.video:
            if stream.disposition & av.stream.Disposition.attached_pic or stream.codec_context is None:
                continue
            rate = stream.average_rate or stream.guessed_rate
            codec = stream.codec_context
            if not codec.width:
                continue  # some say it only inside the picture data, which is never decoded
            return VideoInfo(codec.width, codec.height, float(rate) if rate else None)
        return None


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds:g} seconds"


_UNKNOWN_CODEC = "The file's audio is in a format that Tiro cannot decode. Try MP3 or WAV."
_NO_INDEX = (
    "The file is incomplete or damaged: the index without which an MP4 cannot be read is missing."
    " Upload or export it again."
)
_FOREIGN = "The file only points to sound in other files. Send a file that holds the sound itself."
