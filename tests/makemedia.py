"""Recordings made for tests, in every container and codec that PyAV can write."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

TONE = 440.0
"""Hertz of the tone that ``write`` puts into a recording."""


@dataclass(frozen=True)
class Format:
    """How to write one kind of file. ``container`` and ``codec`` are what probing should say."""

    name: str
    muxer: str
    encoder: str
    container: str
    codec: str
    rate: int = 44_100
    channels: int = 1
    video: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    duration_slack: float = 0.001


def _wav(codec: str, rate: int, channels: int = 1) -> Format:
    slack = 0.07 if "adpcm" in codec else 0.001
    name = f"wav-{codec}-{rate}-{channels}"
    return Format(name, "wav", codec, "wav", codec, rate, channels, duration_slack=slack)


def _lossy(name: str, muxer: str, encoder: str, container: str, codec: str, **more: object) -> Format:
    return Format(name, muxer, encoder, container, codec, duration_slack=0.08, **more)  # type: ignore[arg-type]


FORMATS = [
    _wav("pcm_s16le", 8000),
    _wav("pcm_s16le", 11_025),
    _wav("pcm_s16le", 16_000, 2),
    _wav("pcm_s16le", 44_100, 2),
    _wav("pcm_s16le", 96_000),
    _wav("pcm_u8", 8000),
    _wav("pcm_s24le", 48_000),
    _wav("pcm_s32le", 48_000),
    _wav("pcm_f32le", 44_100),
    _wav("pcm_f64le", 16_000),
    _wav("pcm_alaw", 8000),
    _wav("pcm_mulaw", 8000, 2),
    _wav("adpcm_ms", 22_050),
    _wav("adpcm_ima_wav", 22_050),
    Format("rf64", "wav", "pcm_s16le", "wav", "pcm_s16le", options={"rf64": "always"}),
    Format("w64", "w64", "pcm_s16le", "w64", "pcm_s16le"),
    Format("aiff", "aiff", "pcm_s16be", "aiff", "pcm_s16be"),
    Format("au", "au", "pcm_s16be", "au", "pcm_s16be"),
    Format("caf", "caf", "pcm_s16be", "caf", "pcm_s16be"),
    _lossy("caf-alac", "caf", "alac", "caf", "alac"),
    Format("flac", "flac", "flac", "flac", "flac", channels=2),
    Format("flac-ogg", "ogg", "flac", "ogg", "flac"),
    _lossy("mp3", "mp3", "libmp3lame", "mp3", "mp3", channels=2),
    _lossy(
        "mp3-bare",
        "mp3",
        "libmp3lame",
        "mp3",
        "mp3",
        rate=22_050,
        options={"write_xing": "0", "id3v2_version": "0"},
    ),
    _lossy("mp2", "mp2", "mp2", "mp3", "mp2"),
    _lossy("m4a", "ipod", "aac", "m4a", "aac"),
    _lossy("m4a-alac", "ipod", "alac", "m4a", "alac"),
    _lossy("mp4-faststart", "mp4", "aac", "mp4", "aac", options={"movflags": "faststart"}),
    _lossy("mp4-fragments", "mp4", "aac", "mp4", "aac", options={"movflags": "frag_keyframe+empty_moov"}),
    _lossy("adts", "adts", "aac", "aac", "aac"),
    _lossy("ogg-opus", "ogg", "libopus", "ogg", "opus", rate=48_000, channels=2),
    _lossy("ogg-vorbis", "ogg", "vorbis", "ogg", "vorbis", channels=2),
    _lossy("webm", "webm", "libopus", "webm", "opus", rate=48_000),
    _lossy("webm-video", "webm", "libopus", "webm", "opus", rate=48_000, video="vp9"),
    _lossy("mkv-video", "matroska", "aac", "matroska", "aac", video="mpeg4"),
    _lossy("mp4-video", "mp4", "aac", "mp4", "aac", video="libx264"),
    _lossy("mov-video", "mov", "aac", "mov", "aac", video="libx264"),
    _lossy("avi-video", "avi", "libmp3lame", "avi", "mp3", video="mpeg4"),
    _lossy("mpegts-video", "mpegts", "aac", "mpegts", "aac", video="libx264"),
    _lossy("3gp", "3gp", "libopencore_amrnb", "3gp", "amr_nb", rate=8000),
    _lossy("amr", "amr", "libopencore_amrnb", "amr", "amr_nb", rate=8000),
    _lossy("wma", "asf", "wmav2", "asf", "wmav2", channels=2),
]

BY_NAME = {each.name: each for each in FORMATS}


def tone(seconds: float, rate: int, channels: int = 1, hertz: float = TONE) -> npt.NDArray[np.float32]:
    """A sine at -10 dB, shape ``(samples, channels)``."""
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.float32)[:, None], channels, axis=1)


def write(
    path: Path, kind: Format, seconds: float = 2.0, sound: npt.NDArray[np.float32] | None = None
) -> Path:
    """Write a recording to ``path``; ``sound`` is float32 ``(samples, channels)``; None makes a tone."""
    layout = {1: "mono", 2: "stereo"}[kind.channels]
    if sound is None:
        sound = tone(seconds, kind.rate, kind.channels)
    with av.open(str(path), "w", format=kind.muxer, options=kind.options) as container:
        picture = container.add_stream(kind.video, rate=Fraction(25)) if kind.video else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"  # type: ignore[attr-defined]
        stream = container.add_stream(kind.encoder, rate=kind.rate, layout=layout)
        stream.bit_rate = 64_000 if kind.rate > 8000 else 12_200
        stream.codec_context.options = {"strict": "-2"}  # FFmpeg's own Vorbis is marked experimental
        stream.codec_context.open()
        if picture is not None:
            for index in range(round(25 * len(sound) / kind.rate)):
                image = grey_picture()
                image.pts, image.time_base = index, Fraction(1, 25)
                container.mux(picture.encode(image))  # type: ignore[attr-defined]
            container.mux(picture.encode(None))  # type: ignore[attr-defined]
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, kind.rate, frame_size=size)
        for start in range(0, len(sound), 4096):
            part = np.ascontiguousarray(sound[start : start + 4096].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(part, "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = kind.rate, start, Fraction(1, kind.rate)
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path


def grey_picture() -> av.VideoFrame:
    """A grey one. A frame that nobody has filled shows whatever the memory held, and no two are alike."""
    return av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuv420p")


def wav_header(
    *, rate: int, channels: int, data: int, tag: int = 1, bits: int = 16, block: int | None = None
) -> bytes:
    """A WAV header that claims ``data`` bytes of sound, whatever follows it."""
    block = block if block is not None else channels * bits // 8
    speed = rate * block // 320 if tag == 0x31 else rate * block
    body = struct.pack("<HHIIHH", tag, channels, rate, min(speed, 2**32 - 1), block % 65_536, bits)
    if tag == 0x31:
        body += struct.pack("<HH", 2, 320)
    chunk = b"fmt " + struct.pack("<I", len(body)) + body + b"data" + struct.pack("<I", data)
    return b"RIFF" + struct.pack("<I", min(len(chunk) + 4 + data, 2**32 - 1)) + b"WAVE" + chunk


def lying_flac(path: Path, seconds: float, claimed: float) -> Path:
    """A FLAC of digital silence at 16 kHz whose header claims ``claimed`` seconds; an hour takes some 200 KB.

    PyAV writes the frames; then the count of samples (36 bits at the end of STREAMINFO's fixed part) and the
    checksum of the sound behind it (zero means: not known) are overwritten.
    """
    kind = Format("flac", "flac", "flac", "flac", "flac", 16_000)
    write(path, kind, sound=np.zeros((round(seconds * 16_000), 1), dtype=np.float32))
    data = bytearray(path.read_bytes())
    fields = int.from_bytes(data[18:26], "big")
    fields = fields >> 36 << 36 | round(claimed * 16_000)
    data[18:26] = fields.to_bytes(8, "big")
    data[26:42] = bytes(16)
    path.write_bytes(data)
    return path


def jpeg() -> bytes:
    """A small JPEG picture."""
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = 32, 32, "yuvj420p"  # type: ignore[attr-defined]
    codec.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((48, 32), 128, np.uint8), format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])  # type: ignore[attr-defined]


def silent_film(folder: Path) -> bytes:
    """An MP4 with a picture and no sound."""
    with av.open(str(folder / "film"), "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        container.mux(picture.encode(grey_picture()))
        container.mux(picture.encode(None))
    return (folder / "film").read_bytes()


def gsm_wav() -> bytes:
    """One second of the tone as GSM 06.10 in a WAV: PyAV reads the codec but cannot write it."""
    data = zlib.decompress(base64.b64decode(_GSM))
    return wav_header(rate=8000, channels=1, data=len(data), tag=0x31, bits=0, block=65) + data


_GSM = """
eNollG9ME2ccx9teu+oyWWhFsxaNwYITWnzRfyq6NA5r/9BboB2WNpizgHi0V2MjaLaYXAwohdWMAk2mZSmMUsRBVkKvgiPzBbK2zEVAW
KFgXKCEAS0s2Vwy92LPHa/uzZPfPc/n9/l+m5d/5zWd2z6geDjTcmctO4EKLrAsn/57oqL1AuPPn6pFTfGz6dJbeybU1mPTCebdl9+ee0
i81zMWq4NVrEkHx6xuBgPquUgyx9Ph2e/rIhr4T+sR3iZmC0uRo1qnqGnp0EBpmjHRwNlUTzFNcNVxZ4oZQ4XHg1HaSacod1i1vHL4eSF
S8aL6k8v8Iz+yp/3VXDzdEzJ4JM9KyvXfuN5kD5SmaP2N0vDgL8zJtkTk+g6DaDt6wbFDUzp4CfIGh5tu4yllAw/VI+pryu9r9QpLkTPZ
WKK4kTV3qTF+dqh0i7EOXx6vxlhjmDAQsrMEQe8rh4zVO91htEeWu3mhfYrHxwfXXunw5Ihn9gnm886D2Rm+9vkyXivJQMaSuDsWYRs00
ZBZmS+lTzpMledV0CJqkwf3/NrN+xtGMs2w4A8dwp9yCtjXkKOjQe/bDEQQCHY1kgNsUERXEFiQsA5MDw0/CDM4iyVXT0SYhoulWC4J0S
9FpIGQoc/gm1nUfLfZoDBNoaJaMcIDn3skRDOkdCSMDgwqdieMMAYp7TlRl51FtK1OOEiIfqnComuSXS5CGrKmuyxiPJ2z2H5L7PtqHn7
QSkI8CeUEsyvsO4wnrhXV/R3GZFs2BdHOn0LJG9To8aXJMpNZjMe28h9bCxTduhppp4F8QmVj/NBQKQaV2y1aVA6ddokCQTm7N+SfL5ND
eUS7ESYhAg+qR12rhA1PTnhm4oVABw83AeOzcdjqfAUYYGzJg5hNI2P9dfDryvNy+sb7A0VOGXusOd07uud1N6/zA6Ql7lhZ1+GrmvvZH
32ICOTu1cl9CuujYC8FUczWaIQHid/oZx693U8QDPdCyRVxglF8MzMFIK7wmoR4WrCojRc++1x5s/S2HuEsY8Ja7ZGe8eb0nV0TwVmrJk
YD651Ct2lgf+HgNjNvsG/CQ5lYjuSAsxbukaf3tq4gYt9Q76L2ifTZV+V6E2VimNbXLJIP7TAjrlWVmzRR8PP1KG3SkdBowA0Oh2T40oj
DrOX6Wur0ptti0sTUDT0i8oc67y4BiFFgoqUIjTE0qDAcStNUqEjuVrNkww+VlInPpQpBINTVW4KvjRCzzQafV+Lmju7ztRv1Oa0kRBmU
N2NYyyDoI1++LNHIoPX8Hm2Tml5SI+mcI02cg5G9Zpj/LgNfijiy38EIP4rl/lOICICQd0mIC8yYWuof3aSffpSSEDKoN9QxX2ZmAdN34
9wpwZMyor1/v68T6LBZDiCiWG2BouKzGikV5whtxNOyAW8zjZqqU64UY1FtPRVM0cCDjhEkg7lCxDReLQtdUlQHfuir5iK5/mBHh8E3G4
GrWt9QW8gbzL3gXmZGBntPUhATKirOfDMFsUmKJwkPB5gY3cq3WsUK01mnqJ6C6KVMVENGu+WUE6ODX8sH5dDHg0mlx8wu9syaKIidQoX
tWLBvQoSk8gjveqHPS3h478oRbhSz3SMZmCAi6J0vk9GLb85s5BNgJz3jjWYodlUYaCNNrC9A3CYHf0GHJDT3q/aeQPijriQTCBkO+ikT
jSyV3RYI1UED/enhMQBxriMOsjBZxpmiIIbAEwSe9vkDZCcmvhDjM6D7og0KM+hEKs5qlsrBj+pIdXgJNM2IoQAiBkWcQrmbZHBRjHC0q
KhGDEps+pJFj/uHCTLOwANT666J/c2isOs1U+YmTaSREO1pmsxNdSIFcXXEw6kEEP/TVJEQXziThFQBhO/ajTNdCZueoir2GVToD2F0UM
dSoENf0Kt0UCZmIbYAoAQjKQHRQWThS0Rb9kKhrz1eVuUkGZjZEs9snQaDDBczN88TzI38gcfNoB2cYNz/OFntyw==
"""


class _Stream:
    """Takes what is written, and can go nowhere back."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)


def browser_webm(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """Mono sound as a browser's recorder writes it while it hears: Opus in clusters of a second, whose sizes
    are not told, without a duration and without an index."""
    stream = _Stream()
    options = {"live": "1", "cluster_time_limit": "1000"}
    with av.open(stream, "w", format="webm", options=options) as container:
        track = container.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 48_000, 960)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        for each in (frame, None):
            for piece in resampler.resample(each):
                container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return b"".join(stream.parts)


def firefox_webm(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """As ``browser_webm``, but as Firefox writes it: with a duration of nothing."""
    recorded = browser_webm(samples, rate)
    info = recorded.rindex(b"\x15\x49\xa9\x66", 0, recorded.index(b"\x1f\x43\xb6\x75"))
    width = 9 - recorded[info + 4].bit_length()
    body = info + 4 + width
    size = int.from_bytes(recorded[info + 4 : body])
    nothing = b"\x44\x89\x88" + bytes(8)
    length = (size + len(nothing)).to_bytes(width)
    return recorded[: info + 4] + length + nothing + recorded[body:]


def browser_mp4(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """Mono sound as Safari's recorder writes it: AAC in fragments of a second, each with its own times, after
    a head that knows of no sound."""
    stream = _Stream()
    options = {"movflags": "empty_moov+default_base_moof+delay_moov", "frag_duration": "1000000"}
    with av.open(stream, "w", format="mp4", options=options) as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        resampler = av.AudioResampler("fltp", "mono", 48_000, 1024)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        for each in (frame, None):
            for piece in resampler.resample(each):
                container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return b"".join(stream.parts)
