"""Pictures of every page in both themes, into docs/images: `make screenshots`."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, listening, opened, prefer, sign_in
from tests.makecall import wav
from tests.serving import ThreadServer, thread_server
from tiro import logs
from tiro.settings import Settings

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SAMPLE = (files("tiro") / "samples" / "support-call.flac").read_bytes()
TITLES = ("Interview with Dr. Okafor", "Board meeting, November", "Lecture 7: Cicero's secretary")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
OTHERS = {
    "settings": ("transcription", "retention", "webhooks"),
    "admin": ("people", "jobs", "models", "storage", "health", "audit"),
}
"""Pages beside those that people see each day."""
RECORDERS = (("light", "light", DESK), ("dark", "dark", DESK), ("phone", "dark", PHONE))


def main() -> int:
    if MISSING is not None:
        print(MISSING, file=sys.stderr)
        return 1
    logs.configure("error", "text")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, thread_server(settings_in(Path(data))) as server:
        server.runtime.accounts.set_password(NAME, PASSWORD)
        with chromium() as browser:
            with opened(browser, server, viewport=DESK) as page:
                page.goto("/")
                page.get_by_role("button", name="Sign in").wait_for()
                take(page, "sign-in")
                sign_in(page)
                page.get_by_text("Your first transcript").wait_for()
                take(page, "first-start")
            session_id = fill(server)
            for theme in ("light", "dark"):
                with opened(browser, server, viewport=DESK) as page:
                    prefer(page.context, theme=theme)
                    sign_in(page)
                    pages(page, session_id, theme)
            with opened(browser, server, viewport=PHONE, has_touch=True) as page:
                prefer(page.context, theme="dark")
                sign_in(page, f"/recordings/{session_id}")
                hear(page)
                take(page, "recording-phone")
        with listening(hear_say(Path(data))) as browser:
            for name, theme, screen in RECORDERS:
                with opened(browser, server, viewport=screen, permissions=["microphone"]) as page:
                    prefer(page.context, theme=theme)
                    sign_in(page, "/record")
                    record(page, name)
    return 0


def settings_in(data: Path) -> Settings:
    # Models may be downloaded, as on most machines; nobody does here.
    return make_settings(data, models=Path("/srv/tiro/models"), engine={"download": True})


def fill(server: ThreadServer) -> str:
    for title in TITLES:
        server.client.send_file("call.flac", SAMPLE, title=title, wait=30)
    sent = server.client.send_file(
        "call.flac", SAMPLE, title="The sample call", engine="pocketsphinx", wait=60
    )
    session_id = str(sent.json()["session_id"])
    for at, text in ((6.0, "Ask for the order's number first."), (21.5, "Send the invoice to finance.")):
        server.client.post(f"/api/v1/transcribe/{session_id}/comments", json={"at": at, "text": text})
    server.client.patch(f"/api/v1/transcribe/{session_id}", json={"tags": ["support", "november"]})
    return session_id


def pages(page: Page, session_id: str, theme: str) -> None:
    page.get_by_text("The sample call").wait_for()
    take(page, f"library-{theme}")
    page.goto(f"/recordings/{session_id}")
    hear(page)
    take(page, f"recording-{theme}")
    edit(page)
    take(page, f"editing-{theme}")
    page.keyboard.press("Escape")
    page.goto("/settings/appearance")
    page.get_by_role("heading", name="Theme").wait_for()
    take(page, f"settings-{theme}")
    for room, names in OTHERS.items():
        for name in names:
            page.goto(f"/{room}/{name}")
            page.get_by_role("heading", level=1).wait_for()
            page.wait_for_load_state("networkidle")
            take(page, f"{room}-{name}-{theme}")


def edit(page: Page) -> None:
    """A word that is being put right, with what others say of the recording beside it."""
    page.get_by_role("tab", name="Comments").click()
    page.get_by_role("article").first.wait_for()
    page.locator("[data-segment]").nth(1).locator(".word").nth(2).dblclick()
    page.get_by_role("textbox", name=re.compile("^Text at")).wait_for()


def hear(page: Page) -> None:
    """In the midst of it, as somebody would see it who listens."""
    page.get_by_role("slider").wait_for()
    page.locator(".word").nth(14).click()
    page.locator(".word[data-said]").wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()


def hear_say(folder: Path) -> Path:
    """What the microphone hears."""
    path = folder / "heard.wav"
    path.write_bytes(wav(seconds=60))
    return path


def record(page: Page, name: str) -> None:
    """In the midst of it, with a mark."""
    page.get_by_label("Title").fill("Interview, second day")
    page.get_by_role("button", name="Start recording").click()
    page.get_by_role("timer").wait_for()
    page.wait_for_timeout(4000)
    page.keyboard.press("m")
    page.wait_for_timeout(2500)
    take(page, f"record-{name}")
    page.get_by_role("button", name="Stop and save").click()
    page.get_by_role("link", name="Open the recording").wait_for()


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)  # until nothing moves any more
    page.screenshot(path=FOLDER / f"{name}.jpg", type="jpeg", quality=72, animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
