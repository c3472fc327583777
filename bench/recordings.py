"""Recordings of any length: the sample call over and over, made without holding more than one call."""

from __future__ import annotations

import itertools
import math
import wave
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from tests import makecall

_CODECS = {".m4a": "aac", ".mp3": "libmp3lame", ".ogg": "libopus", ".flac": "flac"}


def make(path: Path, seconds: float, channels: int = 1) -> Path:
    """Write speech of this length, to a packet; the name says the format."""
    if path.suffix == ".wav":
        _wav(path, seconds, channels)
    elif path.suffix == ".flac":
        _encoded(path, seconds, channels)
    else:
        _repeated(path, seconds, channels)
    return path


def _one_call(channels: int) -> npt.NDArray[np.int16]:
    return makecall.samples(len(makecall.call()) / makecall.RATE, channels)


def _wav(path: Path, seconds: float, channels: int) -> None:
    call = _one_call(channels).tobytes()
    left = round(seconds * makecall.RATE) * channels * 2
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(makecall.RATE)
        while left > 0:
            file.writeframesraw(call[:left])
            left -= len(call)


def _encoded(path: Path, seconds: float, channels: int) -> None:
    call = _one_call(channels)
    layout = "stereo" if channels == 2 else "mono"
    step = makecall.RATE
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_CODECS[path.suffix], rate=makecall.RATE, layout=layout)
        assert isinstance(stream, av.AudioStream)
        for start in range(0, round(seconds) * step, step):
            piece = np.take(call, range(start, start + step), axis=0, mode="wrap")
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts = makecall.RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _repeated(path: Path, seconds: float, channels: int) -> None:
    """Encode one call, then copy its packets again and again: encoding hours would take minutes."""
    once = path.with_stem(path.stem + "-once")
    call_seconds = math.floor(len(makecall.call()) / makecall.RATE)
    _encoded(once, call_seconds, channels)
    with av.open(str(once)) as source:
        encoded = source.streams.audio[0]
        packets = [(bytes(packet), packet.duration or 0) for packet in source.demux(encoded) if packet.size]
        unit = encoded.time_base
        assert unit is not None
        with av.open(str(path), "w") as container:
            stream = container.add_stream_from_template(encoded)
            clock = 0
            for data, duration in itertools.cycle(packets):
                if clock * unit >= seconds:
                    break
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, unit
                packet.pts = packet.dts = clock
                packet.duration = duration
                clock += duration
                container.mux(packet)
    once.unlink()
