"""The web app in a real browser: its whole path, by mouse and by keys, on every screen, and in trouble."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, opened, prefer, sign_in, violations
from tests.makecall import wav
from tests.serving import ThreadServer, thread_server

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

SAMPLE = (files("tiro") / "samples" / "support-call.flac").read_bytes()
HOSTILE = "<img src=x onerror=document.title='owned'> & \"quotes\""
JAVASCRIPT_BYTES = 200_000
MOST_ROWS = 60


def settings(data: object) -> object:
    return make_settings(data, engine={"default": "echo", "download": False}, limits={"address": 0, "key": 0})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    data = tmp_path_factory.mktemp("web")
    with thread_server(settings(data)) as running:  # type: ignore[arg-type]
        running.runtime.accounts.set_password(NAME, PASSWORD)
        yield running


@pytest.fixture(scope="module")
def recording(server: ThreadServer) -> str:
    """A finished recording with a title that means harm."""
    sent = server.client.send_file("call.flac", SAMPLE, wait=30, title=HOSTILE)
    return str(sent.json()["session_id"])


def test_from_the_first_start_to_exported_subtitles(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("first")
    with thread_server(settings(data)) as fresh, opened(browser, fresh) as page:  # type: ignore[arg-type]
        page.goto(f"/password#{fresh.runtime.accounts.setup_link()}")
        page.get_by_label("Password, 10 characters").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_text("Your first transcript is one drop away")).to_be_visible()
        assert "#" not in page.url
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Choose files").click()
        chosen.value.set_files([{"name": "team meeting.flac", "mimeType": "audio/flac", "buffer": SAMPLE}])
        row = page.get_by_role("listitem").filter(has=page.get_by_role("checkbox"))
        expect(row.filter(has_text="Finished")).to_have_count(1)
        page.get_by_role("link", name="team meeting", exact=True).click()
        expect(page.get_by_role("heading", name="team meeting")).to_be_visible()
        said = page.get_by_role("region", name="Transcript").locator(".word")
        expect(said.first).to_be_visible()
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Subtitles, SRT").click()
        assert download.value.suggested_filename == "team meeting.srt"
        assert "00:00:0" in download.value.path().read_text()


def test_a_word_is_heard_and_the_text_follows(browser: Browser, server: ThreadServer, recording: str) -> None:
    with opened(browser, server) as page:
        sign_in(page, f"/recordings/{recording}")
        words = page.get_by_role("region", name="Transcript").locator(".word")
        page.get_by_role("slider").wait_for()
        words.nth(12).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(page.locator(".word[data-said]")).to_have_count(1)
        expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0")
        assert page.title() != "owned"


@pytest.mark.slow
def test_an_upload_shows_how_far_it_is_and_can_be_paused(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        slow = page.context.new_cdp_session(page)
        slow.send("Network.enable")
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
        slow.send("Network.emulateNetworkConditions", conditions | {"uploadThroughput": 400_000})
        choose(page, "long one.wav", "audio/wav", wav(seconds=60))
        tray = page.get_by_role("region", name="Uploads")
        bar = tray.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))
        tray.get_by_role("button", name="Pause long one.wav").click()
        expect(tray.get_by_text("Paused at")).to_be_visible()
        slow.send("Network.emulateNetworkConditions", conditions | {"uploadThroughput": -1})
        tray.get_by_role("button", name="Resume long one.wav").click()
        expect(tray.get_by_text("Uploaded.")).to_be_visible()
        expect(page.get_by_role("link", name="long one", exact=True)).to_be_visible()


def test_what_is_no_recording_is_refused_in_a_sentence(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        tray = page.get_by_role("region", name="Uploads")
        choose(page, "cat.png", "image/png", b"\x89PNG")
        expect(tray.get_by_text("This is no audio or video file.")).to_be_visible()
        choose(page, "broken.mp3", "audio/mpeg", b"no sound in here" * 100)
        expect(tray.get_by_role("alert").filter(has_text="not")).to_be_visible()


def choose(page: Page, name: str, kind: str, data: bytes) -> None:
    choice = page.get_by_role("button", name="Choose files")  # at once, where the library is empty
    add = page.get_by_role("button", name="Add recordings")
    expect(choice.or_(add)).to_be_visible()
    if add.is_visible():
        add.click()
        choice = page.get_by_role("menuitem", name="Choose files")
    with page.expect_file_chooser() as chosen:
        choice.click()
    chosen.value.set_files([{"name": name, "mimeType": kind, "buffer": data}])


@pytest.mark.slow
def test_the_library_tells_of_what_others_send_without_being_asked(
    browser: Browser, server: ThreadServer, recording: str
) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        expect(page.get_by_role("link", name=HOSTILE, exact=True)).to_be_visible()
        sent = server.client.send_file("late.wav", wav(seconds=1), title="Came meanwhile").json()
        row = page.get_by_role("listitem").filter(has_text="Came meanwhile")
        expect(row.get_by_text("Finished").last).to_be_visible()
        server.client.delete(sent["links"]["self"])
        expect(row).to_have_count(0)
        assert page.title() != "owned"


def test_with_keys_alone(browser: Browser, server: ThreadServer, recording: str) -> None:
    with opened(browser, server) as page:
        page.goto("/?order=oldest")
        expect(page.get_by_label("Name")).to_be_focused()
        for typed in (NAME, PASSWORD):
            page.keyboard.type(typed)
            if typed == NAME:
                page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name=HOSTILE, exact=True)
        link.wait_for()
        for _ in range(40):
            if link.evaluate("(each) => each === document.activeElement"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("slider").wait_for()
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


@pytest.mark.slow
def test_a_login_that_ends_asks_again_and_loses_no_place(
    browser: Browser, server: ThreadServer, recording: str
) -> None:
    with opened(browser, server) as page:
        sign_in(page, f"/recordings/{recording}")
        heading = page.get_by_role("heading", name=HOSTILE)
        expect(heading).to_be_visible()
        # Expired, but renewed by itself.
        page.context.clear_cookies(name="tiro-access")
        page.get_by_role("link", name="Settings").first.click()
        expect(page.get_by_text("Administrator")).to_be_visible()
        page.go_back()
        expect(heading).to_be_visible()
        page.go_forward()
        keys = page.get_by_role("link", name="API keys")
        expect(keys).to_be_visible()
        # Ended for good.
        server.runtime.accounts.logout_everywhere(server.runtime.users.list()[0].id)
        keys.click()
        expect(page.get_by_text("Your login has ended")).to_be_visible()
        page.get_by_label("Name", exact=True).fill(NAME)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Make a key")).to_be_visible()
        assert page.url.endswith("/settings/keys")


@pytest.mark.slow
def test_a_network_that_is_down_is_said_and_got_over(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        page.context.set_offline(True)
        page.get_by_role("button", name="Failed").click()
        expect(page.get_by_text("cannot be reached")).to_be_visible()
        page.context.set_offline(False)
        page.get_by_role("button", name="All").click()
        page.get_by_role("button", name="Stopped").click()
        expect(page.get_by_text("cannot be reached")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ar"])
def test_nothing_is_wider_than_a_phone(
    browser: Browser, server: ThreadServer, recording: str, language: str
) -> None:
    with opened(browser, server, viewport={"width": 360, "height": 740}, has_touch=True) as page:
        sign_in(page)
        prefer(page.context, language=language, theme="dark")
        for address in ("/", f"/recordings/{recording}", "/settings/profile", "/settings/keys"):
            page.goto(address)
            page.locator("h1").first.wait_for()
            assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing(browser: Browser, server: ThreadServer, recording: str, theme: str) -> None:
    # Without animations nothing is half-way to its colour; what axe tries with styles of its own, it may.
    with opened(browser, server, reduced_motion="reduce", bypass_csp=True) as page:
        prefer(page.context, theme=theme)
        found: dict[str, list[str]] = {}
        page.goto("/")
        page.get_by_role("button", name="Sign in").wait_for()
        found["sign in"] = violations(page)
        page.goto("/password#token")
        page.get_by_role("button", name="Set password").wait_for()
        found["password"] = violations(page)
        sign_in(page)
        sections = ("profile", "security", "keys", "appearance")
        for address in ("/", *(f"/settings/{name}" for name in sections), "/nowhere"):
            page.goto(address)
            page.locator("h1").first.wait_for()
            page.wait_for_load_state("networkidle") if "settings" in address else None
            assert page.locator("html").get_attribute("data-theme") == theme
            found[address] = violations(page)
        page.goto(f"/recordings/{recording}")
        page.get_by_role("region", name="Transcript").locator(".word").nth(3).click()
        page.locator(".word[data-said]").wait_for()
        found["recording"] = violations(page)
        page.keyboard.press("?")
        page.get_by_role("dialog").wait_for()
        found["keys"] = violations(page)
        assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.slow
def test_the_library_page_is_light(browser: Browser, server: ThreadServer) -> None:
    # What comes out of the service worker's cache has no compressed size.
    with opened(browser, server, service_workers="block") as page:
        sign_in(page)
        page.goto("/")
        expect(page.get_by_role("heading", name="Library")).to_be_visible()
        # As the browser counts them: what was sent, without headers, whether now or for the page before.
        sizes = page.evaluate(
            "performance.getEntriesByType('resource').filter((each) => each.name.endsWith('.js'))"
            ".map((each) => each.encodedBodySize)"
        )
        assert 0 < sum(sizes) < JAVASCRIPT_BYTES
        assert page.locator("[role=listitem], li").count() < MOST_ROWS
