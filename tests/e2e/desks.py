"""A server with transcripts on which people work, and a page at one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import NAME, PASSWORD, opened, sign_in
from tests.serving import Client, ThreadServer, thread_server
from tiro.db.tables import TranscriptTable
from tiro.features.transcripts.service import TranscriptService
from tiro.speech.types import Segment, Word

SAMPLE = (files("tiro") / "samples" / "support-call.flac").read_bytes()
FRIEND = "fred"
LINES = (
    ("left", "good mourning how can I help you"),
    ("right", "my phone is broken and my phone is new"),
    ("left", "I am sorry about the phone"),
    ("left", "please hold the line"),
    ("right", "thank you"),
)


@contextmanager
def desk_server(data: Path) -> Iterator[ThreadServer]:
    """Two people have accounts: the owner, and ``FRIEND``."""
    settings = make_settings(
        data, engine={"default": "echo", "download": False}, limits={"address": 0, "key": 0}
    )
    with thread_server(settings) as running:
        running.runtime.accounts.set_password(NAME, PASSWORD)
        running.runtime.users.create(FRIEND)
        running.runtime.accounts.set_password(FRIEND, PASSWORD)
        yield running


def spoken(server: ThreadServer) -> str:
    """A finished recording in which ``LINES`` are said, seven seconds each."""
    session_id = str(server.client.send_file("call.flac", SAMPLE, wait=30).json()["session_id"])
    with server.runtime.database.write() as session:
        transcripts = TranscriptService()
        current = transcripts.current(session, session_id)
        assert current is not None
        transcripts.forget(session, current.job_id)
        transcripts.append(
            session, current.job_id, 0, [said(7.0 * place, *line) for place, line in enumerate(LINES)]
        )
        session.get_one(TranscriptTable, current.job_id).next_position = len(LINES)
    return session_id


def said(start: float, speaker: str, text: str) -> Segment:
    words = tuple(
        Word(start + place * 0.5, start + place * 0.5 + 0.5, word) for place, word in enumerate(text.split())
    )
    return Segment(start, words[-1].end, text, speaker=speaker, words=words)


def texts(server: ThreadServer, recording: str) -> list[str]:
    return [segment["text"] for segment in transcript(server, recording)["segments"]]


def transcript(server: ThreadServer, recording: str) -> dict[str, Any]:
    return dict(server.client.get(f"/api/v1/transcribe/{recording}").json()["transcript"])


@contextmanager
def desk(browser: Browser, server: ThreadServer, recording: str, **options: Any) -> Iterator[Page]:
    """The recording's page, with its text there and its sound ready."""
    with opened(browser, server, **options) as page:
        sign_in(page, f"/recordings/{recording}")
        writable(page)
        page.get_by_role("slider").wait_for()
        yield page


def writable(page: Page) -> None:
    """Wait until the page knows that its person may write."""
    page.get_by_role("button", name="Change speaker Left").first.wait_for()


def row(page: Page, place: int) -> Locator:
    return page.locator("[data-segment]").nth(place)


def word(page: Page, text: str) -> Locator:
    return page.locator(".word", has_text=re.compile(f"^{text}$")).first


def saved(page: Page) -> None:
    expect(page.get_by_text("All changes saved")).to_be_visible()


def change(client: Client, recording: str, segment: int, text: str) -> None:
    """Somebody gives a segment another text, as one who knows what it was."""
    path = f"/api/v1/transcribe/{recording}"
    version = client.get(path).json()["transcript"]["version"]
    body = {"version": version, "changes": [{"op": "text", "segment": segment, "text": text}]}
    assert client.patch(f"{path}/transcript", json=body).status_code == 200
