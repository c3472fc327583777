"""The Record page in a real browser, with a microphone that hears a file: no network, no tab, no leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, listening, opened, prefer, sign_in, violations
from tests.makecall import wav
from tests.serving import ThreadServer, thread_server, wait_until

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

SECONDS = 40
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears, over and over."""
    path = tmp_path_factory.mktemp("heard") / "speech.wav"
    path.write_bytes(wav(seconds=SECONDS))
    return path


@pytest.fixture(scope="module")
def browser(heard: Path) -> Iterator[Browser]:
    with listening(heard) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("record"),
        engine={"default": "pocketsphinx", "download": False},
        limits={"address": 0, "key": 0},
        http={"live_silence": 6.0},
    )
    with thread_server(settings) as running:
        running.runtime.accounts.set_password(NAME, PASSWORD)
        yield running


@contextmanager
def recording_page(browser: Browser, server: ThreadServer, **options: Any) -> Iterator[Page]:
    permissions = ["microphone"]
    with opened(browser, server, permissions=permissions, viewport=DESK, **options) as page:
        sign_in(page, "/record")
        yield page


def start(page: Page) -> None:
    page.get_by_role("button", name="Start recording").click()
    expect(page.get_by_role("status").filter(has_text="Recording")).to_be_visible()


def saved(page: Page, seconds: float) -> None:
    """Wait until the server has so many seconds."""
    page.wait_for_function(
        "(least) => Number(document.querySelector('[data-saved]')?.dataset.saved ?? 0) >= least", arg=seconds
    )


def titled(server: ThreadServer, title: str) -> dict[str, Any] | None:
    found = server.client.get("/api/v1/transcribe", params={"title": title}).json()["items"]
    return dict(found[0]) if found else None


def ended(server: ThreadServer, title: str, at_least: float) -> dict[str, Any]:
    """The recording of this title, when its transcript is there."""
    found = wait_until(lambda: titled(server, title), what=f"the recording {title}", pause=0.2)
    result = server.client.until_ended(found["session_id"])
    assert result["status"] == "completed", result
    assert result["metadata"]["duration"] >= at_least
    return result


def words(result: dict[str, Any]) -> int:
    return sum(len(each["text"].split()) for each in result["transcript"]["segments"])


@pytest.mark.slow
def test_a_recording_through_a_network_that_fails(browser: Browser, server: ThreadServer) -> None:
    with recording_page(browser, server) as page:
        page.get_by_label("Title").fill("Through a tunnel")
        start(page)
        saved(page, 2)
        page.keyboard.press("m")
        page.get_by_role("main").click(position={"x": 5, "y": 5})
        page.keyboard.press("m")
        page.get_by_role("textbox", name=re.compile("What is at")).last.fill("The offer")
        page.context.set_offline(True)
        expect(page.get_by_text("kept in this browser and sent")).to_be_visible()
        page.wait_for_timeout(2500)
        page.context.set_offline(False)
        expect(page.get_by_text("kept in this browser and sent")).to_have_count(0)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Title").fill("Through a tunnel and back")
        saved(page, 6)
        # It goes on while other pages are looked at.
        page.get_by_role("link", name="Library").first.click()
        expect(page.get_by_role("img", name="Recording: back to it").first).to_be_visible()
        page.get_by_role("link", name="Record", exact=False).first.click()
        page.get_by_role("button", name="Stop and save").click()
        expect(page.get_by_role("heading", name="It is in the library")).to_be_visible()
        page.get_by_role("link", name="Open the recording").click()
        expect(page.get_by_role("heading", name="Through a tunnel and back")).to_be_visible()
        page.get_by_role("region", name="Transcript").locator(".word").first.wait_for()
        # The player knows how long it is, and goes where it is sent.
        slider = page.get_by_role("slider")
        slider.press("End")
        expect(slider).not_to_have_attribute("aria-valuenow", "0")
        assert page.evaluate("Object.keys(localStorage).includes('tiro.unsent')") is False
    result = ended(server, "Through a tunnel", 6)
    assert words(result) > 3
    comments = server.client.get(f"/api/v1/transcribe/{result['session_id']}/comments").json()["items"]
    assert sorted(each["text"] for each in comments) == ["Mark 1", "The offer"]


def test_a_tab_that_is_closed_in_the_middle(browser: Browser, server: ThreadServer) -> None:
    with recording_page(browser, server) as page:
        page.get_by_label("Title").fill("Closed tab")
        start(page)
        saved(page, 4)
        page.context.set_offline(True)
        page.wait_for_timeout(1500)
        recorded = clock_of(page)
        page.close(run_before_unload=False)
        again = page.context.new_page()
        page.context.set_offline(False)
        again.goto("/")
        notice = again.get_by_role("status").filter(has_text="was cut off")
        expect(notice.get_by_text("It is in the library")).to_be_visible()
        # No more than the last second is lost, of what was recorded while the network was away too.
        result = ended(server, "Closed tab", recorded - 1.5)
        assert words(result) > 1
        notice.get_by_role("link", name="Open “Closed tab”").click()
        expect(again.get_by_role("heading", name="Closed tab")).to_be_visible()


def clock_of(page: Page) -> float:
    hours, minutes, seconds = page.get_by_role("timer").inner_text().split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


@pytest.mark.slow
def test_a_tab_that_never_comes_back_and_one_that_comes_too_late(
    browser: Browser, server: ThreadServer
) -> None:
    with recording_page(browser, server) as page:
        page.get_by_label("Title").fill("Never back")
        start(page)
        saved(page, 3)
        page.context.set_offline(True)
        # The server finishes what it has, and does not know of the rest.
        first = ended(server, "Never back", 3)
        page.context.set_offline(False)
        page.get_by_role("button", name="Stop and save").click()
        expect(page.get_by_role("heading", name="It is in the library")).to_be_visible()
        whole = ended(server, "Never back", first["metadata"]["duration"] + 1)
        assert whole["session_id"] != first["session_id"]
        # What it had made of the beginning is gone: the whole is there.
        wait_until(
            lambda: server.client.get(f"/api/v1/transcribe/{first['session_id']}").status_code == 404,
            what="the end of the short one",
        )


@pytest.mark.slow
def test_what_stands_in_the_way_is_said(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server, viewport=DESK) as page:
        sign_in(page, "/record")
        for error, sentence in (
            ("NotAllowedError", "This page may not listen"),
            ("NotFoundError", "There is no microphone"),
            ("NotReadableError", "another program may have it"),
        ):
            page.evaluate(
                "(name) => { navigator.mediaDevices.getUserMedia = async () => "
                "{ throw new DOMException('', name) } }",
                error,
            )
            page.get_by_role("button", name="Start recording").click()
            expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', { get: () => false })")
        page.reload()
        expect(page.get_by_role("alert").filter(has_text="https")).to_be_visible()
        expect(page.get_by_role("button", name="Start recording")).to_be_disabled()


@pytest.mark.slow
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(browser: Browser, server: ThreadServer) -> None:
    found: dict[str, list[str]] = {}
    wide: dict[str, bool] = {}
    options = {"reduced_motion": "reduce", "bypass_csp": True}
    with recording_page(browser, server, **options) as page:

        def look(where: str) -> None:
            page.set_viewport_size(PHONE)
            wide[where] = bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
            found[f"{where}, phone"] = violations(page)
            page.set_viewport_size(DESK)
            for theme in ("light", "dark"):
                page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
                # Colours glide for a moment, however short that is made.
                page.wait_for_timeout(200)
                page.wait_for_function("document.getAnimations().length === 0")
                found[f"{where}, {theme}"] = violations(page)

        prefer(page.context, language="ar")
        page.reload()
        page.locator("button[aria-label].group").wait_for()
        look("before")
        page.locator("button[aria-label].group").click()
        page.get_by_role("timer").wait_for()
        page.keyboard.press("m")
        saved(page, 1)
        look("recording")
        page.locator("button.bg-danger").click()
        page.locator("section.card h2.display").wait_for()
        look("done")
    assert {where: what for where, what in found.items() if what} == {}
    assert not any(wide.values()), wide


@pytest.mark.slow
def test_it_can_be_installed_and_opens_without_a_network(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server, viewport=DESK) as page:
        sign_in(page)
        devtools = page.context.new_cdp_session(page)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        assert devtools.send("Page.getAppManifest")["errors"] == []
        troubles = [
            each["errorId"] for each in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
        ]
        assert [each for each in troubles if each != "in-incognito"] == []
        page.reload()
        page.context.set_offline(True)
        page.reload()
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        names = page.evaluate(
            "caches.keys().then((names) => Promise.all(names.map(async (name) => "
            "(await (await caches.open(name)).keys()).map((each) => new URL(each.url).pathname))))"
        )
        kept = [path for paths in names for path in paths]
        assert "/" in kept
        assert not [path for path in kept if path.startswith(("/api", "/v1"))]
        page.context.set_offline(False)
        expect(page.get_by_role("heading", name="Library")).to_be_visible()
