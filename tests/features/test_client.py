"""`tiro.Client` against a real server, also one whose answers get lost on the way."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.commands import run_here
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import ServerProcess, ThreadServer, thread_server, wait_until

import tiro
from tiro.client import Client, Event
from tiro.errors import (
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    ServerUnreachable,
    Unauthorized,
    UnknownEngine,
    UnsupportedMedia,
)
from tiro.speech.result import metadata_json, segment_json
from tiro.speech.types import Progress

SPEECH = wav(seconds=6, channels=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(tmp_path_factory.mktemp("data"), engine={"download": False, "default": "echo"})
    with thread_server(settings) as running:
        yield running


@pytest.fixture
def client(server: ThreadServer) -> Iterator[Client]:
    with tiro.Client(server.address, server.key) as client:
        yield client


class Losing(httpx.BaseTransport):
    """Sends each request, and loses the answers to the first ``times`` of them."""

    def __init__(self, times: int) -> None:
        self._inner = httpx.HTTPTransport()
        self.left = times
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        answer = self._inner.handle_request(request)
        if self.left:
            self.left -= 1
            answer.read()
            raise httpx.ReadError("the connection was reset", request=request)
        return answer

    def close(self) -> None:
        self._inner.close()


class Cut(httpx.SyncByteStream):
    """The beginning of an answer, and then the connection is gone."""

    def __init__(self, whole: httpx.SyncByteStream, chunks: int) -> None:
        self._whole, self._chunks = whole, chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from islice(self._whole, self._chunks)
        raise httpx.ReadError("the connection was reset")

    def close(self) -> None:
        self._whole.close()


class Cutting(httpx.HTTPTransport):
    """Cuts the first ``times`` streams of events."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if request.url.path.endswith("/events") and self.left:
            self.left -= 1
            assert isinstance(answer.stream, httpx.SyncByteStream)
            return httpx.Response(answer.status_code, headers=answer.headers, stream=Cut(answer.stream, 2))
        return answer


def test_events_go_on_behind_a_break(server: ThreadServer, client: Client) -> None:
    sent = client.upload(wav(seconds=20), engine="echo:0.02")
    cutting = Cutting(times=2)
    with httpx.Client(transport=cutting) as http, Client(server.address, server.key, http=http) as other:
        events = list(other.events(sent.id))
    assert cutting.left == 0
    numbers = [event.seq for event in events]
    assert numbers == sorted(set(numbers))
    assert "".join(e.data["text"] for e in events if e.type == "segment") == "".join(
        segment.text for segment in client.result(sent.id).segments
    )


def test_a_transcript_is_what_the_server_has(client: Client, server: ThreadServer, tmp_path: Path) -> None:
    path = tmp_path / "my call.wav"
    path.write_bytes(SPEECH)
    sent: list[tuple[int, int]] = []
    told: list[Progress] = []
    transcript = client.transcribe(
        path,
        channels="split",
        language="en",
        on_upload=lambda done, total: sent.append((done, total)),
        on_progress=told.append,
    )
    (recording,) = client.list(limit=1).items
    raw = server.client.session(recording.id)
    shown = [{"id": place} | segment_json(said) for place, said in enumerate(transcript.segments)]
    assert shown == raw["transcript"]["segments"]
    assert metadata_json(transcript) == raw["metadata"]
    assert transcript.options == {"engine": "echo", "channels": "split", "language": "en"}
    assert (recording.title, recording.status, recording.error) == ("my call", "completed", None)
    assert sent[-1] == (len(SPEECH), len(SPEECH))
    assert sent == sorted(sent)
    assert tuple(s for progress in told for s in progress.segments) == transcript.segments
    assert client.result(recording.id) == transcript
    for extension in ("txt", "srt", "vtt", "tsv"):
        assert client.export(recording.id, extension)
    assert json.loads(client.export(recording.id, "json"))["session_id"] == recording.id


@pytest.mark.parametrize("source", [SPEECH, io.BytesIO(SPEECH)], ids=["bytes", "file"])
def test_any_source(client: Client, source: Any) -> None:
    assert client.transcribe(source, filename="a.wav", vocabulary=(), engine="echo").segments


def test_the_steps_one_by_one(client: Client) -> None:
    sent = client.upload(SPEECH, title="A call", priority="low")
    assert (sent.title, sent.priority) == ("A call", "low")
    events = list(client.events(sent.id))
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert events[-1] == Event(events[-1].seq, "state", events[-1].data)
    assert list(client.events(sent.id, after=events[-1].seq)) == []
    assert client.wait(sent.id).status == "completed"
    with pytest.raises(Conflict):
        client.cancel(sent.id)
    assert client.retry(sent.id).id == sent.id
    assert client.wait(sent.id).ended
    client.delete(sent.id)
    with pytest.raises(NotFound):
        client.get(sent.id)


def test_waiting_ends_in_time_and_a_job_can_be_cancelled(client: Client) -> None:
    sent = client.upload(wav(seconds=60), engine="echo:1")
    with pytest.raises(TimeoutError):
        client.wait(sent.id, timeout=0.2)
    with pytest.raises(Conflict, match="no finished transcript"):
        client.result(sent.id)
    client.cancel(sent.id)
    assert client.wait(sent.id).status == "cancelled"
    with pytest.raises(Cancelled):
        client.result(sent.id)


def test_a_wait_that_is_broken_off_cancels_the_job(client: Client) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.transcribe(wav(seconds=120), engine="echo:0.02", on_progress=stop)
    (newest,) = client.list(limit=1).items
    assert client.wait(newest.id).status == "cancelled"


def test_errors_have_their_class(client: Client, server: ThreadServer) -> None:
    with pytest.raises(UnsupportedMedia):
        client.upload(b"no recording" * 100)
    with pytest.raises(UnknownEngine):
        client.upload(SPEECH, engine="no-such")
    with pytest.raises(Unauthorized), Client(server.address, "wrong") as stranger:
        stranger.list()
    for address in ("", "localhost:8000", "ftp://host", "http://", "http://[::1"):
        with pytest.raises(InvalidRequest, match="no address"):
            Client(address)
    with pytest.raises(Unauthorized):
        Client(server.address, "\u2013key")
    with pytest.raises(ServerUnreachable), Client("http://127.0.0.1:9", retries=0) as nobody:
        nobody.list()


def test_an_upload_whose_answer_is_lost_makes_one_recording(server: ThreadServer) -> None:
    losing = Losing(times=1)
    before = server.client.get("/api/v1/transcribe").json()["total"]
    with httpx.Client(transport=losing) as http, Client(server.address, server.key, http=http) as client:
        sent = client.upload(SPEECH)
        assert losing.sent == 2
        assert client.list().total == before + 1
        assert client.wait(sent.id).status == "completed"
        losing.left = 1
        client.delete(sent.id)  # the second try finds nothing any more, which is what was asked for
        losing.left, losing.sent = 1, 0
        with pytest.raises(ServerUnreachable):
            client.cancel(sent.id)  # may not be sent twice
        assert losing.sent == 1


@pytest.mark.slow
def test_events_go_on_after_the_server_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = ServerProcess(data)
    key = (data / "key").read_text().strip()
    with Client(first.address, key, retries=1) as client:
        sent = client.upload(wav(seconds=20), engine="echo:0.05")
        events = client.events(sent.id)
        told = [next(events) for _ in range(4)]
        first.kill()
        with pytest.raises(ServerUnreachable):
            list(events)
    with (
        thread_server(make_settings(data), recover=True) as again,
        Client(again.address, key) as client,
    ):
        rest = list(client.events(sent.id, after=told[-1].seq))
        assert rest[0].seq > told[-1].seq
        assert rest[-1].data["status"] == "completed"
        wait_until(lambda: client.get(sent.id).ended, what="the end")


def test_the_command_line_uses_a_server(
    server: ThreadServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "call.wav").write_bytes(SPEECH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIRO_DATA", str(tmp_path / "data"))

    def run(*arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv("TIRO_KEY", key)
        return run_here(monkeypatch, capsys, "transcribe", "call.wav", *arguments)

    there = run("--server", server.address, "--format", "json", key=server.key)
    assert there.returncode == 0, there.stderr
    here = run("--engine", "echo", "--format", "json")
    told, own = json.loads(there.stdout), json.loads(here.stdout)
    assert told["transcript"] == own["transcript"]
    assert told["metadata"]["layout"] == own["metadata"]["layout"]
    nobody = run("--server", server.address, key="wrong")
    assert (nobody.returncode, nobody.stdout) == (Unauthorized.exit_code, "")
    assert "valid key" in nobody.stderr
