"""Working on a transcript in a real browser: words, speakers, two people at once, a network that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.browser import MISSING, PASSWORD, chromium, opened, prefer, sign_in, violations
from tests.e2e.counting import Hands
from tests.e2e.desks import (
    FRIEND,
    LINES,
    change,
    desk,
    desk_server,
    row,
    saved,
    spoken,
    texts,
    transcript,
    word,
    writable,
)
from tests.serving import Client, ThreadServer

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

CORRECT_A_WORD, RENAME_A_SPEAKER, FIND_AND_PLAY, EXPORT_SRT = 2, 2, 2, 1
"""Clicks and keys, as docs/benchmarks.md has them."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with desk_server(tmp_path_factory.mktemp("editing")) as running:
        yield running


@pytest.fixture
def recording(server: ThreadServer) -> str:
    return spoken(server)


def test_a_transcript_is_put_right_with_few_clicks_and_keys(
    browser: Browser, server: ThreadServer, recording: str
) -> None:
    with desk(browser, server, recording) as page:
        hands = Hands(page)
        area = page.get_by_role("textbox", name=re.compile("^Text at"))

        # A word: what is typed stands in its place, and is saved when one pauses.
        hands.double_click(word(page, "mourning"))
        expect(area).to_be_focused()
        hands.type("morning")
        saved(page)
        assert hands.total() == CORRECT_A_WORD
        expect(area).to_have_value(texts(server, recording)[0])
        page.keyboard.press("Enter")
        expect(row(page, 0)).to_be_focused()
        assert texts(server, recording)[0] == "good morning how can I help you"
        words = transcript(server, recording)["segments"][0]["words"]
        assert [each["start_time"] for each in words] == [0.5 * place for place in range(7)]

        # A speaker, everywhere.
        hands.click(page.get_by_role("button", name="Change speaker Left").first)
        hands.type("Anna")
        hands.press("Enter")
        assert hands.total() == RENAME_A_SPEAKER
        expect(page.get_by_role("button", name="Change speaker Anna")).to_have_count(2)
        saved(page)
        assert transcript(server, recording)["speakers"] == {"left": "Anna"}

        # A phrase: found, seen and heard.
        hands.press("Control+f")
        hands.type("my phone is new")
        hands.press("Enter")
        assert hands.total() == FIND_AND_PLAY
        expect(page.get_by_text("1 of 1")).to_be_visible()
        expect(page.locator(".word[data-found=now]")).to_have_count(4)
        expect(page.locator(".word[data-said]")).to_have_count(1)
        at = page.locator(".word[data-said]").get_attribute("data-at")
        assert float(at or 0) >= 9.5

        # Subtitles.
        page.keyboard.press("Escape")
        with page.expect_download() as download:
            hands.press("d")
        assert hands.total() == EXPORT_SRT
        assert download.value.suggested_filename.endswith(".srt")
        assert "Anna: good morning" in download.value.path().read_text()


@pytest.mark.slow
def test_what_was_done_is_undone_and_done_again_with_keys(
    browser: Browser, server: ThreadServer, recording: str
) -> None:
    with desk(browser, server, recording) as page:
        keys = page.keyboard
        # To the first row by the Tab key, and down: Enter opens it.
        row(page, 0).focus()
        keys.press("ArrowDown")
        keys.press("Enter")
        area = page.get_by_role("textbox", name="Text at 0:07")
        expect(area).to_be_focused()
        # The sound is at hand while typing.
        keys.press("Tab")
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(area).to_be_focused()
        keys.press("Tab")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        # Two out of one, and one out of two.
        keys.press("Home")
        for _ in range(4):
            keys.press("Control+ArrowRight")
        keys.press("Shift+Enter")
        second = page.get_by_role("textbox", name="Text at 0:09")
        expect(second).to_be_focused()
        expect(second).to_have_value("and my phone is new")
        keys.type("But ")
        keys.press("Enter")
        saved(page)
        assert texts(server, recording)[1:3] == ["my phone is broken", "But and my phone is new"]
        keys.press("Enter")
        keys.press("Home")
        keys.press("Backspace")
        expect(page.get_by_role("textbox", name="Text at 0:07")).to_have_value(
            "my phone is broken But and my phone is new"
        )
        keys.press("Escape")
        saved(page)
        assert len(texts(server, recording)) == len(LINES)
        # All of it back: the merge, the word (in two edits where a slow machine took a pause for its end),
        # the split.
        for _ in range(4):
            keys.press("Control+z")
            saved(page)
            if texts(server, recording) == [text for _, text in LINES]:
                break
        expect(row(page, 1)).to_contain_text(LINES[1][1])
        assert texts(server, recording) == [text for _, text in LINES]
        keys.press("Control+Shift+z")
        expect(row(page, 2)).to_contain_text("and my phone is new")
        saved(page)
        # The history knows all of it, and takes back what one wants.
        page.get_by_role("tab", name="History").click()
        panel = page.get_by_role("tabpanel")
        expect(panel.get_by_text("Took an edit back").first).to_be_visible()
        panel.get_by_role("button", name=re.compile("^Take back")).first.click()
        expect(row(page, 1)).to_contain_text(LINES[1][1])
        # Several at once.
        row(page, 2).focus()
        keys.press("Shift+ArrowDown")
        expect(page.get_by_role("toolbar", name="2 segments selected")).to_be_visible()
        page.get_by_role("button", name="Merge", exact=True).click()
        expect(row(page, 2)).to_contain_text("the phone please hold")
        saved(page)
        row(page, 3).focus()
        keys.press("Delete")
        expect(page.locator("[data-segment]")).to_have_count(3)
        saved(page)
        assert len(texts(server, recording)) == 3


@pytest.mark.slow
def test_find_replace_comment_and_quote(browser: Browser, server: ThreadServer, recording: str) -> None:
    with desk(browser, server, recording) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        keys = page.keyboard
        keys.press("Control+f")
        keys.type("phone")
        expect(page.get_by_text("0 of 3")).to_be_visible()
        keys.press("Enter")
        expect(page.get_by_text("1 of 3")).to_be_visible()
        page.get_by_label("Replace with").fill("line")
        keys.press("Enter")
        expect(page.get_by_text("1 of 2")).to_be_visible()
        page.get_by_role("button", name="Replace all").click()
        expect(page.get_by_text("Not found")).to_be_visible()
        saved(page)
        assert texts(server, recording)[1:3] == [
            "my line is broken and my line is new",
            "I am sorry about the line",
        ]
        edits = server.client.get(f"/api/v1/transcribe/{recording}/edits").json()["items"]
        assert len(edits) == 2
        keys.press("Escape")
        expect(page.get_by_role("search")).to_have_count(0)
        # Only here somebody else speaks.
        page.get_by_role("button", name="Pause", exact=True).click()
        row(page, 4).focus()
        keys.press("s")
        expect(page.get_by_role("dialog", name="Who speaks here?")).to_be_visible()
        keys.type("Carla")
        keys.press("Control+Enter")
        expect(row(page, 4)).to_contain_text("Carla")
        expect(row(page, 1)).to_contain_text("Right")
        # A comment at a moment, and where it is seen.
        page.locator("[data-at='7']").last.click()
        page.get_by_role("button", name="Pause", exact=True).click()
        keys.press("m")
        keys.type("Which phone?")
        keys.press("Enter")
        said = page.get_by_role("tabpanel").get_by_role("article")
        expect(said).to_contain_text("Which phone?")
        expect(row(page, 1).get_by_role("button", name="1 comment here")).to_be_visible()
        said.get_by_role("button", name="Edit").click()
        page.get_by_role("textbox", name="Comment").fill("Which line?")
        keys.press("Enter")
        expect(said).to_contain_text("Which line?")
        server.client.post(
            f"/api/v1/transcribe/{recording}/comments", json={"text": "From elsewhere", "at": 15}
        )
        expect(said).to_have_count(2)
        said.first.get_by_role("button", name="Done").click()
        expect(page.get_by_text("1 done")).to_be_visible()
        # A quote leads back to its second.
        row(page, 2).focus()
        keys.press("q")
        expect(page.get_by_text("The quote and its link")).to_be_visible()
        quote = page.evaluate("navigator.clipboard.readText()")
        assert "“I am sorry about the line”\n— Left, 0:14, http" in quote
        page.goto(quote.rsplit(", ", 1)[1])
        expect(page.get_by_role("slider")).to_have_attribute("aria-valuenow", "14")


def test_two_people_on_one_text(browser: Browser, server: ThreadServer, recording: str) -> None:
    shares = f"/api/v1/transcribe/{recording}/shares"
    server.client.post(shares, json={"user": FRIEND, "role": "editor"})
    _, key = server.runtime.keys.create("key", FRIEND)
    with Client(server.address, key) as friend, desk(browser, server, recording) as page:
        # What the other does is there without being asked for.
        change(friend, recording, 2, "I am so sorry")
        expect(row(page, 2)).to_contain_text("I am so sorry")
        # Both in one segment: what was typed is not lost, and neither is theirs.
        word(page, "mourning").dblclick()
        area = page.get_by_role("textbox", name="Text at 0:00")
        expect(area).to_be_focused()
        area.fill("good morning how can I help you")
        change(friend, recording, 0, "good mourning how may I help you")
        expect(page.get_by_text("Somebody has changed this segment meanwhile")).to_be_visible()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Two of you changed this")
        expect(dialog).to_be_visible()
        both = dialog.get_by_role("textbox", name="Both, put together")
        expect(both).to_have_value("good morning how may I help you")
        expect(dialog.get_by_role("radio", name="Both, put together")).to_be_checked()
        page.keyboard.press("Escape")
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Save this").click()
        expect(dialog).to_have_count(0)
        saved(page)
        assert texts(server, recording)[0] == "good morning how may I help you"
        # Who may only read has nothing to write with, and sees what is written.
        share = server.client.get(shares).json()["items"][0]["id"]
        server.client.delete(f"{shares}/{share}")
        server.client.post(shares, json={"user": FRIEND, "role": "viewer"})
    with opened(browser, server) as page:
        page.goto(f"/recordings/{recording}")
        page.get_by_label("Name").fill(FRIEND)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(row(page, 0)).to_contain_text("how may I")
        word(page, "morning").dblclick()
        expect(page.locator(".word[data-said]")).to_have_count(1)
        expect(page.get_by_role("textbox")).to_have_count(0)
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        change(server.client, recording, 0, "hello")
        expect(row(page, 0)).to_contain_text("hello")


def test_edits_outlive_the_network_and_the_page(
    browser: Browser, server: ThreadServer, recording: str
) -> None:
    with desk(browser, server, recording) as page:
        down = f"**/api/v1/transcribe/{recording}/transcript"
        page.context.route(down, refuse)
        for place, text in ((0, "first"), (1, "second")):
            row(page, place).focus()
            page.keyboard.press("Enter")
            page.keyboard.press("Control+a")
            page.keyboard.type(text)
            page.keyboard.press("Enter")
        expect(page.get_by_text("Not saved yet (2)")).to_be_visible()
        asked = []
        page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.reload()
        assert asked == ["beforeunload"]
        expect(row(page, 0)).to_contain_text("first")
        expect(row(page, 1)).to_contain_text("second")
        expect(page.get_by_text("Not saved yet (2)")).to_be_visible()
        assert texts(server, recording)[0] == LINES[0][1]
        # Somebody else was quicker with the second.
        change(server.client, recording, 1, "theirs")
        page.context.unroute(down)
        dialog = page.get_by_role("dialog", name="Two of you changed this")
        expect(dialog).to_be_visible(timeout=30_000)
        assert texts(server, recording)[:2] == ["first", "theirs"]
        dialog.get_by_role("radio", name="Yours").check()
        dialog.get_by_role("button", name="Save this").click()
        expect(page.get_by_text("Not saved yet")).to_have_count(0)
        expect(dialog).to_have_count(0)
        page.reload()
        expect(row(page, 1)).to_contain_text("second")
        assert texts(server, recording)[:2] == ["first", "second"]


def refuse(route: Route) -> None:
    route.abort("internetdisconnected")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_one_works(
    browser: Browser, server: ThreadServer, recording: str, theme: str
) -> None:
    server.client.post(f"/api/v1/transcribe/{recording}/comments", json={"text": "Which phone?", "at": 8})
    found: dict[str, list[str]] = {}
    with opened(browser, server, reduced_motion="reduce", bypass_csp=True) as page:
        prefer(page.context, theme=theme)
        sign_in(page, f"/recordings/{recording}")
        writable(page)
        word(page, "mourning").dblclick()
        expect(page.get_by_role("textbox", name="Text at 0:00")).to_be_focused()
        page.keyboard.type("good ")
        found["typing"] = violations(page)
        page.keyboard.press("Enter")
        page.keyboard.press("s")
        page.get_by_role("dialog").wait_for()
        found["speaker"] = violations(page)
        page.keyboard.press("Escape")
        page.get_by_role("tab", name="Comments").click()
        page.get_by_role("article").wait_for()
        page.get_by_role("button", name="Comment on this moment").click()
        page.keyboard.press("Control+f")
        page.keyboard.type("phone")
        page.keyboard.press("Enter")
        page.get_by_text("1 of 3").wait_for()
        found["find, comments"] = violations(page)
        page.keyboard.press("Escape")
        page.get_by_role("tab", name="History").click()
        page.get_by_role("button", name=re.compile("^Take back")).wait_for()
        row(page, 2).focus()
        page.keyboard.press("Shift+ArrowDown")
        page.get_by_role("toolbar").wait_for()
        found["history, selection"] = violations(page)
        page.locator("[data-menu]").nth(1).click()
        page.get_by_role("menu").wait_for()
        found["menu"] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}
