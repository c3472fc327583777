"""Who has only keys, only a finger, or hears the page read: nothing is out of reach, and no place is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import (
    MISSING,
    NAME,
    PASSWORD,
    chromium,
    in_both_themes,
    opened,
    prefer,
    sign_in,
    violations,
)
from tests.e2e.desks import FRIEND, change, desk, desk_server, row, saved, spoken, texts, word, writable
from tests.serving import Client, ThreadServer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
CALM: dict[str, Any] = {"reduced_motion": "reduce", "bypass_csp": True}
SMALL = """(least) => {
    const kinds = 'button:not([data-at]), select, textarea, [role=menuitem], [role=tab], nav a, '
        + 'input:not([type=checkbox]):not([type=radio])';
    return [...document.querySelectorAll(kinds)]
        .filter((each) => each.checkVisibility({opacityProperty: true}))
        .filter((each) => !each.closest('.sr-only, [aria-hidden=true], [data-segment] textarea'))
        .map((each) => [each, each.getBoundingClientRect()])
        .filter(([, {width, height}]) => width > 0 && (width < least || height < least))
        .map(([each, {width, height}]) =>
            `${each.getAttribute('aria-label') ?? each.textContent.trim()}: ${width | 0} × ${height | 0}`);
}"""
FINGER = 44


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--use-fake-device-for-media-stream") as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with desk_server(tmp_path_factory.mktemp("reach")) as running:
        yield running


@pytest.fixture
def recording(server: ThreadServer) -> str:
    return spoken(server)


def tab_to(page: Page, target: Locator, back: bool = False) -> None:
    """Where the Tab key leads, sooner or later."""
    target.wait_for()
    for _ in range(80):
        if target.evaluate("(each) => each === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"No key leads to {target}")


def test_the_whole_path_with_keys_alone(browser: Browser, server: ThreadServer, recording: str) -> None:
    with opened(browser, server) as page:
        keys = page.keyboard
        page.goto("/")
        expect(page.get_by_label("Name")).to_be_focused()
        keys.type(NAME)
        keys.press("Tab")
        keys.type(PASSWORD)
        keys.press("Enter")
        tab_to(page, page.locator(f"a[href='/recordings/{recording}']"))
        keys.press("Enter")
        writable(page)
        tab_to(page, row(page, 0))
        keys.press("Enter")
        expect(page.get_by_role("textbox", name="Text at 0:00")).to_be_focused()
        keys.press("Home")
        keys.type("Well ")
        keys.press("Enter")
        saved(page)
        assert texts(server, recording)[0].startswith("Well good")
        expect(row(page, 0)).to_be_focused()
        keys.press("m")
        keys.type("Who is this?")
        keys.press("Enter")
        expect(page.get_by_role("article")).to_contain_text("Who is this?")
        tab_to(page, page.get_by_role("button", name="Export"), back=True)
        keys.press("Enter")
        expect(page.get_by_role("menuitem").first).to_be_focused()
        keys.type("sub")
        with page.expect_download() as download:
            keys.press("Enter")
        assert "Well good mourning" in download.value.path().read_text()
        expect(page.get_by_role("button", name="Export")).to_be_focused()
        tab_to(page, page.get_by_role("link", name="Settings").first, back=True)
        keys.press("Enter")
        tab_to(page, page.get_by_role("button", name="Sign out", exact=True))
        keys.press("Enter")
        expect(page.get_by_label("Name")).to_be_focused()


def test_the_focus_goes_back_to_where_it_was(browser: Browser, server: ThreadServer, recording: str) -> None:
    with desk(browser, server, recording, viewport={"width": 1100, "height": 800}) as page:
        keys = page.keyboard
        for name in ("Keyboard shortcuts", "Share…", "Comments", "History"):
            button = page.get_by_role("button", name=name, exact=True)
            tab_to(page, button)
            keys.press("Enter")
            dialog = page.get_by_role("dialog")
            expect(dialog).to_be_visible()
            assert dialog.evaluate("(each) => each.contains(document.activeElement)")
            keys.press("Escape")
            expect(dialog).to_have_count(0)
            expect(button).to_be_focused()
        row(page, 1).focus()
        keys.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        keys.press("Escape")
        expect(row(page, 1)).to_be_focused()
        keys.press("s")
        expect(page.get_by_role("dialog", name="Who speaks here?")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("button", name="Change speaker Right").first).to_be_focused()
        more = page.get_by_role("main").get_by_role("button", name="More for").first
        tab_to(page, more)
        keys.press("Enter")
        page.get_by_role("menuitem", name="Delete").focus()
        keys.press("Enter")
        expect(page.get_by_role("dialog", name="Delete")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(more).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_where_two_are_at_odds(
    browser: Browser, server: ThreadServer, recording: str, language: str
) -> None:
    server.client.post(f"/api/v1/transcribe/{recording}/shares", json={"user": FRIEND, "role": "editor"})
    _, key = server.runtime.keys.create("key", FRIEND)
    with Client(server.address, key) as friend, opened(browser, server, **CALM) as page:
        sign_in(page)
        prefer(page.context, language=language)
        page.goto(f"/recordings/{recording}")
        page.locator("[data-speaker]").first.wait_for()
        word(page, "mourning").dblclick()
        area = page.locator("[data-segment] textarea")
        expect(area).to_be_focused()
        area.fill("good morning how can I help you")
        change(friend, recording, 0, "good mourning how may I help you")
        # Whoever pauses saves, and is told.
        dialog = page.get_by_role("dialog")
        expect(dialog.locator("textarea")).to_have_value("good morning how may I help you")
        assert in_both_themes(page) == []
        # Chosen and saved with keys alone; whoever typed there is there again.
        expect(dialog.locator(":focus")).to_have_count(1)
        page.keyboard.press("ArrowUp")
        tab_to(page, dialog.locator("button[type=submit]"))
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(row(page, 0)).to_be_focused()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ar", "dark")])
def test_a_finger_reaches_everything_on_a_phone(
    browser: Browser, server: ThreadServer, recording: str, language: str, theme: str
) -> None:
    server.client.post(f"/api/v1/transcribe/{recording}/comments", json={"text": "Which phone?", "at": 8})
    found: dict[str, list[str]] = {}
    with opened(browser, server, permissions=["microphone"], **PHONE, **CALM) as page:
        sign_in(page)
        prefer(page.context, language=language, theme=theme)

        def look(where: str) -> None:
            found[where] = page.evaluate(SMALL, FINGER) + violations(page)

        page.goto("/")
        page.get_by_role("listitem").first.wait_for()
        look("library")
        page.goto("/record")
        page.locator("button[aria-label].group").tap()
        page.get_by_role("timer").wait_for()
        look("recording")
        page.locator("button.bg-danger").tap()
        page.locator("section.card h2.display").wait_for()
        page.goto(f"/recordings/{recording}")
        page.locator("[data-speaker]").first.wait_for()
        page.get_by_role("slider").wait_for()
        look("transcript")
        # What a pointer that hovers is shown, a finger finds too.
        menu = page.locator("[data-segment] [data-menu]").nth(1)
        expect(menu).to_be_visible()
        assert menu.evaluate("(each) => getComputedStyle(each).opacity") == "1"
        menu.tap()
        page.get_by_role("menu").wait_for()
        look("menu of a segment")
        page.get_by_role("menuitem").first.tap()
        expect(page.locator("[data-segment] textarea")).to_be_focused()
        look("typing")
        # The player stays within reach, above the bar at the bottom.
        assert page.evaluate(
            """() => {
            const bottom = (each) => each.getBoundingClientRect().bottom;
            const slider = document.querySelector('[role=slider]');
            const bar = [...document.querySelectorAll('nav')].find((each) => bottom(each) > innerHeight - 1);
            return bottom(slider) <= bar.getBoundingClientRect().top && bottom(slider) > innerHeight / 2;
            }"""
        )
        page.locator("[data-segment] textarea").press("Escape")
        for place, panel in enumerate(("comments", "history")):
            page.locator("header button.xl\\:hidden").nth(place).tap()
            page.get_by_role("dialog").wait_for()
            look(panel)
            page.get_by_role("dialog").get_by_role("button").first.tap()
            expect(page.get_by_role("dialog")).to_have_count(0)
    faults = [f"{where}: {what}" for where, whats in found.items() for what in whats]
    assert not faults, "\n".join(faults)
