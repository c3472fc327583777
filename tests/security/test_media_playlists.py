"""S1 and S6: a file that is a list of other files reads none of them; names never reach the decoder."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import av
import pytest
from tests import makemedia
from tests.makemedia import BY_NAME

from tiro.errors import CorruptMedia, TiroError, UnsupportedMedia
from tiro.media import pcm
from tiro.media.decode import DecoderPool
from tiro.media.probe import Container
from tiro.media.types import MediaLimits


class Canary:
    """Listens on this machine and counts who calls."""

    def __init__(self) -> None:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.calls = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._sock.accept()
            data = connection.recv(100)
            connection.close()
            if data == b"bye":
                return
            self.calls += 1

    def finish(self) -> int:
        """Stop; how many called. Calls come in order, so that all earlier ones are counted."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"bye")
        self._thread.join()
        self._sock.close()
        return self.calls


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    assert canary.finish() == 0


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(spares=2) as pool:
        yield pool


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A recording that the server could read and the attacker wants."""
    return makemedia.write(tmp_path / "secret.wav", BY_NAME["wav-pcm_s16le-8000-1"])


def playlists(address: str, secret: Path) -> dict[str, str]:
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
        '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    return {
        "hls-file": hls.format("file:///etc/passwd"),
        "hls-recording": hls.format(secret.as_uri()),
        "hls-http": hls.format(address),
        "hls-key": hls.format(address).replace(
            "#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{address}"\n#EXTINF'
        ),
        "hls-concat": hls.format(f"concat:{secret}|{address}"),
        "dash": dash.format(address),
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "ffconcat-http": f"ffconcat version 1.0\nfile '{address}'\n",
        "m3u": f"{address}\n",
        "pls": f"[playlist]\nFile1={address}\nLength1=-1\nNumberOfEntries=1\n",
        "asx": f'<asx version="3.0"><entry><ref href="{address}"/></entry></asx>',
        "rtsp": "RTSP/1.0 200 OK\nLocation: " + address,
        "imf": f'<?xml version="1.0"?><CompositionPlaylist><Id>{address}</Id></CompositionPlaylist>',
        "lrc": "[00:00.00]x\n[00:01.00]y\n",
        "srt": "1\n00:00:00,000 --> 00:00:09,000\n" + address,
        "webvtt": "WEBVTT\n\n00:00.000 --> 00:09.000\n" + address,
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>',
    }


LISTS = list(playlists("", Path("/")))


@pytest.mark.parametrize("name", LISTS)
def test_a_playlist_in_disguise_is_refused(
    name: str, pool: DecoderPool, canary: Canary, secret: Path, tmp_path: Path
) -> None:
    path = tmp_path / ("call.mp3" if LISTS.index(name) % 2 else "call.wav")
    path.write_text(playlists(f"http://127.0.0.1:{canary.port}/x.wav", secret)[name])
    with pytest.raises(UnsupportedMedia):
        pool.open(path)


def test_the_attack_is_real(canary: Canary, secret: Path, tmp_path: Path) -> None:
    """Plain FFmpeg does read the other file: what the tests above refuse is worth refusing."""
    path = tmp_path / "call.txt"
    path.write_text(playlists("", secret)["ffconcat"])
    with av.open(str(path), format="concat", options={"safe": "0"}) as container:
        assert next(container.decode(audio=0)).samples > 0


@pytest.mark.parametrize(
    "front", [b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), b"RIFF\0\0\0\0WAVE", b"OggS", b"fLaC"]
)
def test_a_playlist_behind_the_first_bytes_of_a_recording_is_not_followed(
    front: bytes, pool: DecoderPool, canary: Canary, secret: Path, tmp_path: Path
) -> None:
    text = playlists(f"http://127.0.0.1:{canary.port}/x.wav", secret)["hls-http"]
    (tmp_path / "call.mp3").write_bytes(front + text.encode())
    with pytest.raises(TiroError):
        list(pool.open(tmp_path / "call.mp3"))


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_reference(data: bytes, reference: bytes) -> bytes:
    """An MP4 whose sound lies, by its own word, in another file: the 'url ' entry of 'dref' is replaced.

    The index stands behind the sound, so that lengths of the boxes around it may change but no offsets.
    """
    old = box(b"url ", b"\0\0\0\1")
    at = data.index(old)
    grown = bytearray(data[:at] + reference + data[at + len(old) :])
    for kind in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = grown.rindex(kind, 0, at) - 4
        size = struct.unpack_from(">I", grown, start)[0]
        struct.pack_into(">I", grown, start, size + len(reference) - len(old))
    return bytes(grown)


def alias(path: Path) -> bytes:
    """QuickTime's 'alis' record, which names a file by its path."""
    name = path.name.encode()[:63]
    fixed = struct.pack(">4xHH", 150, 2) + bytes(2) + struct.pack("B27s", 4, b"disk") + bytes(6)
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(20)
    full = os.fsencode(path)
    records = struct.pack(">HH", 2, len(full)) + full + b"\0" * (len(full) % 2) + struct.pack(">hH", -1, 0)
    return box(b"alis", b"\0\0\0\0", (fixed + records).ljust(160, b"\0"))


def test_sound_in_another_file_is_not_fetched(
    pool: DecoderPool, canary: Canary, secret: Path, tmp_path: Path
) -> None:
    plain = makemedia.write(tmp_path / "plain.mov", BY_NAME["m4a-alac"]).read_bytes()
    address = f"http://127.0.0.1:{canary.port}/x.mov\0".encode()
    for number, reference in enumerate([alias(secret), box(b"url ", b"\0\0\0\0", address)]):
        path = tmp_path / f"{number}.mov"
        path.write_bytes(with_reference(plain, reference))
        try:
            with pool.open(path) as stream:
                heard = sum(len(block) for block in stream)
        except TiroError:
            continue
        # A reader that ignores the reference may play what lies in the file itself, and nothing else.
        assert heard == 32_000


def test_subtitles_in_an_avi_open_no_playlist(
    pool: DecoderPool, canary: Canary, secret: Path, tmp_path: Path
) -> None:
    text = playlists(f"http://127.0.0.1:{canary.port}/x.wav", secret)["hls-http"].encode()
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, 2) + b"x\0" + struct.pack("<HI", 4, len(text)) + text
    data = bytearray(makemedia.write(tmp_path / "film.avi", BY_NAME["avi-video"]).read_bytes())
    at = data.index(b"01wb")
    chunk = b"01wb" + struct.pack("<I", len(gab2)) + gab2 + b"\0" * (len(gab2) % 2)
    (tmp_path / "film.avi").write_bytes(data[:at] + chunk + data[at:])
    with contextlib.suppress(TiroError):
        list(pool.open(tmp_path / "film.avi"))


@pytest.mark.parametrize(
    "name",
    [
        "-i",
        "concat:a|b",
        "http:x",
        "a\r\nb.mp3",
        "\u202egpm.3pm",
        "pipe:0",
        "%05d.wav",
        "x" * 250,
        "a'; rm *",
    ],
    ids=lambda name: repr(name[:10]),
)
def test_a_hostile_name_is_only_a_name(name: str, pool: DecoderPool, secret: Path, tmp_path: Path) -> None:
    os.rename(secret, tmp_path / name)
    with pool.open(tmp_path / name) as stream:
        assert sum(len(block) for block in stream) == 32_000


def opened(
    monkeypatch: pytest.MonkeyPatch, path: Path, demuxer: str
) -> tuple[list[str], type[TiroError] | None]:
    """Open ``path`` with ``demuxer``, whatever its first bytes: what it asks for, and the error."""
    asked: list[str] = []

    def refuse(self: pcm.Decoding, url: str, flags: int, options: dict[str, str]) -> NoReturn:
        asked.append(url)
        original(self, url, flags, options)

    original = pcm.Decoding._refuse
    monkeypatch.setattr(pcm.Decoding, "_refuse", refuse)
    monkeypatch.setattr(pcm, "sniff", lambda read: Container("playlist", demuxer))
    with path.open("rb") as file:
        decoding = pcm.Decoding(pcm.Source(file.fileno(), lambda: None), MediaLimits(), keep_stereo=False)
        try:
            decoding.start()
        except TiroError as error:
            return asked, type(error)
    return asked, None


@pytest.mark.parametrize(("name", "demuxer"), [("hls-http", "hls"), ("dash", "dash"), ("ffconcat", "concat")])
def test_a_second_and_a_third_wall_stand_behind_the_first_bytes(
    name: str, demuxer: str, canary: Canary, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A playlist taken for a recording has a demuxer that is not listed; were it, it could open nothing."""
    path = tmp_path / "call.mp3"
    path.write_text(playlists(f"http://127.0.0.1:{canary.port}/x.wav", secret)[name])
    assert opened(monkeypatch, path, demuxer) == ([], CorruptMedia)
    monkeypatch.undo()
    monkeypatch.setattr(pcm, "DEMUXERS", pcm.DEMUXERS | {demuxer})
    asked, error = opened(monkeypatch, path, demuxer)
    assert error in {UnsupportedMedia, CorruptMedia}
    assert bool(asked) == (demuxer == "hls")  # FFmpeg gives the others up before they ask
