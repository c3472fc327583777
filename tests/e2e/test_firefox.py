"""The whole path in Firefox: what is heard, written, found, recorded and taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import NAME, PASSWORD, built, opened, prefer, sign_in, violations
from tests.e2e.firefox import PROGRAM, firefox
from tests.serving import ThreadServer, thread_server

MISSING = built() if PROGRAM else "There is no Firefox here (on Debian: apt install firefox-esr)."
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]

SAMPLE = (files("tiro") / "samples" / "support-call.flac").read_bytes()
PHONE = {"width": 360, "height": 740}
DROP = """([where, bytes]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([new Uint8Array(bytes)], 'team meeting.flac', {type: 'audio/flac'}));
    for (const type of ['dragenter', 'dragover', 'drop'])
        where.dispatchEvent(new DragEvent(type, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with firefox() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("firefox"),
        engine={"default": "echo", "download": False},
        limits={"address": 0, "key": 0},
    )
    with thread_server(settings) as running:
        running.runtime.accounts.set_password(NAME, PASSWORD)
        yield running


def words(page: Page) -> Locator:
    return page.get_by_role("region", name="Transcript").locator(".word")


def saved(page: Page) -> None:
    expect(page.get_by_text("All changes saved")).to_be_visible()


def first_text(server: ThreadServer, page: Page) -> str:
    result = server.client.get(f"/api/v1/transcribe/{page.url.rsplit('/', 1)[1]}").json()
    return str(result["transcript"]["segments"][0]["text"])


def test_from_a_file_that_is_dropped_to_exported_subtitles(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server, viewport={"width": 1400, "height": 900}) as page:
        sign_in(page)
        page.evaluate(DROP, [page.locator("body").element_handle(), list(SAMPLE)])
        row = page.get_by_role("listitem").filter(has=page.get_by_role("checkbox"))
        expect(row.filter(has_text="Finished")).to_have_count(1)
        page.get_by_role("link", name="team meeting", exact=True).click()
        page.get_by_role("slider").wait_for()
        words(page).nth(8).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(page.locator(".word[data-said]")).to_have_count(1)
        expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0")
        keys = page.keyboard
        keys.press("Space")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        edited_and_undone(page, server)
        keys.press("m")
        keys.type("Who is this?")
        keys.press("Enter")
        expect(page.get_by_role("tabpanel").get_by_role("article")).to_contain_text("Who is this?")
        said = words(page).nth(1).inner_text()
        keys.press("Control+f")
        keys.type(said)
        keys.press("Enter")
        expect(page.get_by_text(re.compile(r"^\d+ of \d+$"))).to_be_visible()
        keys.press("Escape")
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Subtitles, SRT").click()
        assert download.value.suggested_filename == "team meeting.srt"


def edited_and_undone(page: Page, server: ThreadServer) -> None:
    keys = page.keyboard
    before = first_text(server, page)
    # Playwright moves the mouse between the two clicks, of which Firefox makes no double click.
    words(page).first.dispatch_event("dblclick")
    area = page.get_by_role("textbox", name=re.compile("^Text at"))
    expect(area).to_be_focused()
    keys.type("Salve")
    keys.press("Enter")
    saved(page)
    assert first_text(server, page) == " ".join(["Salve", *before.split()[1:]])
    keys.press("Enter")
    expect(area).to_be_focused()
    # The sound is at hand while typing, and none of the keys is the browser's.
    keys.press("Tab")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    keys.press("F1")
    keys.press("Alt+l")
    expect(area).to_be_focused()
    keys.press("Tab")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    keys.press("Escape")
    keys.press("Control+z")
    expect(words(page).first).not_to_have_text("Salve")
    saved(page)
    assert first_text(server, page) == before


def test_a_recording_with_the_microphone(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server, viewport=PHONE) as page:
        sign_in(page, "/record")
        # What Playwright fills in, React does not hear of in Firefox.
        page.get_by_label("Title").press_sequentially("From Firefox")
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("status").filter(has_text="Recording")).to_be_visible()
        kept(page, 2)
        page.get_by_role("button", name="Mark", exact=True).click()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
        page.get_by_role("button", name="Go on").click()
        kept(page, 4)
        page.get_by_role("button", name="Stop and save").click()
        page.get_by_role("link", name="Open the recording").click()
        expect(page.get_by_role("heading", name="From Firefox")).to_be_visible()
        slider = page.get_by_role("slider")
        slider.press("End")
        expect(slider).not_to_have_attribute("aria-valuenow", "0")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = server.client.get("/api/v1/transcribe", params={"title": "From Firefox"}).json()["items"]
    result = server.client.until_ended(found[0]["session_id"])
    assert result["status"] == "completed", result
    assert result["metadata"]["duration"] >= 4


def kept(page: Page, seconds: float) -> None:
    page.wait_for_function(
        "(least) => Number(document.querySelector('[data-saved]')?.dataset.saved ?? 0) >= least", arg=seconds
    )


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "ar")])
def test_axe_finds_nothing(browser: Browser, server: ThreadServer, theme: str, language: str) -> None:
    sent = server.client.send_file("call.flac", SAMPLE, wait=30).json()["session_id"]
    found: dict[str, list[str]] = {}
    with opened(browser, server) as page:
        prefer(page.context, theme=theme, language="en")
        sign_in(page)
        prefer(page.context, theme=theme, language=language)
        for address in ("/", f"/recordings/{sent}", "/record", "/settings/profile"):
            page.goto(address)
            page.locator("h1").first.wait_for()
            page.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')")
            assert page.locator("html").get_attribute("data-theme") == theme
            found[address] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}
