"""What admins have of the app, the rest of the settings, and the library's filters, in a real browser."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import tinywhisper
from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, in_both_themes, opened, prefer, sign_in
from tests.identityprovider import CLIENT, SECRET, identity_provider
from tests.makecall import wav
from tests.modelhub import Hub, serving
from tests.receiver import receiving
from tests.serving import ThreadServer, thread_server
from tiro.features.accounts.factors import codes

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

HOSTILE = "<img src=x onerror=document.title='owned'>"
ADMIN = ("people", "groups", "jobs", "models", "storage", "health", "audit", "settings")
SETTINGS = ("transcription", "retention", "webhooks", "usage", "activity")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving(tinywhisper.make(tmp_path_factory.mktemp("hub") / "tiny")) as running:
        yield running


@pytest.fixture(scope="module")
def server(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """With an identity provider, a hub, and three recordings."""
    data = tmp_path_factory.mktemp("admin")
    with identity_provider() as provider, pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(data / "cache"))
        settings = make_settings(
            data,
            engine={"default": "echo", "hubs": hub.address},
            limits={"address": 0, "key": 0},
            egress={"allow": "127.0.0.1"},
            oidc={
                "issuer": provider.issuer,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "registration": True,
            },
        )
        with thread_server(settings) as running:
            running.runtime.accounts.set_password(NAME, PASSWORD)
            fill(running)
            yield running


def fill(server: ThreadServer) -> None:
    tagged = (("Board meeting", ["board"]), (HOSTILE, ["board", "<b>bold</b>"]), ("Lecture", []))
    for title, named in tagged:
        sent = server.client.send_file("a.wav", wav(seconds=1), title=title, wait=30).json()
        server.client.patch(sent["links"]["self"], json={"tags": named})
    version = server.client.session(sent["session_id"])["transcript"]["version"]
    changes = [
        {"op": "insert", "start_time": 0, "end_time": 1, "text": "indeed", "speaker": "one"},
        {"op": "rename", "speaker": "one", "name": "<i>Cicero</i>"},
    ]
    wish = {"version": version, "changes": changes}
    assert server.client.patch(f"{sent['links']['self']}/transcript", json=wish).is_success


def titles(page: Page) -> Locator:
    return page.get_by_role("region", name="Recordings").locator("li a[href^='/recordings/']")


@pytest.mark.slow
def test_axe_finds_nothing(browser: Browser, server: ThreadServer) -> None:
    found: dict[str, list[str]] = {}
    # Without animations nothing is half-way to its colour; what axe tries with styles of its own, it may.
    with opened(browser, server, reduced_motion="reduce", bypass_csp=True) as page:
        sign_in(page)
        for address in [f"/admin/{name}" for name in ADMIN] + [f"/settings/{name}" for name in SETTINGS]:
            page.goto(address)
            page.get_by_role("heading", level=1).wait_for()
            page.wait_for_load_state("networkidle")
            found[address] = in_both_themes(page)
        page.goto("/settings/webhooks")
        page.get_by_role("button", name="Make a webhook").click()
        page.get_by_role("dialog").wait_for()
        found["a webhook"] = in_both_themes(page)
        page.goto("/?tag=board")
        page.get_by_label("Speaker").wait_for()
        found["filters"] = in_both_themes(page)
        for entry, name in (("Tags", "tags"), ("Share", "share")):
            page.get_by_role("button", name="More for Board meeting").click()
            page.get_by_role("menuitem", name=entry).click()
            page.get_by_role("dialog").wait_for()
            found[name] = in_both_themes(page)
            page.keyboard.press("Escape")
        assert page.title() != "owned"
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_person_is_invited_by_keys_alone_and_sees_nothing_of_admins(
    browser: Browser, server: ThreadServer
) -> None:
    with opened(browser, server) as page:
        sign_in(page, "/admin")
        page.get_by_label("Name").focus()
        page.keyboard.type("<b>ines</b>")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="A link for <b>ines</b>")
        link = dialog.locator("code").inner_text()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        row = page.get_by_role("row").filter(has_text="<b>ines</b>")
        expect(row).to_contain_text("No password yet")
        menu = page.get_by_role("button", name="More for <b>ines</b>")
        menu.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Reset")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("menuitem", name="Limits")).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_label("Storage, in GB").focus()
        page.keyboard.type("2.5")
        page.keyboard.press("Enter")
        expect(row).to_contain_text("Own limits")
    with opened(browser, server) as page:
        page.goto(link)
        page.get_by_label("Password, 10 characters").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_text("Your first transcript is one drop away")).to_be_visible()
        main = page.get_by_role("navigation", name="Main").first
        expect(main.get_by_role("link", name="Settings")).to_be_visible()
        expect(main.get_by_role("link", name="Administration")).to_have_count(0)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name in ADMIN:
            page.goto(f"/admin/{name}")
            expect(page.get_by_text("There is nothing here")).to_be_visible()
        assert not [url for url in asked if "/api/v1/admin" in url or "/api/v1/users" in url]
        page.goto("/settings/usage")
        expect(page.get_by_text("of 2.5 GB")).to_be_visible()


@pytest.mark.slow
def test_a_model_that_does_not_arrive_says_why_and_is_fetched_again(
    browser: Browser, server: ThreadServer, hub: Hub
) -> None:
    with opened(browser, server) as page:
        sign_in(page, "/admin/models")
        tiny = page.locator("[data-model='tiny']")
        hub.dies = True
        tiny.get_by_role("button", name="Download").click()
        expect(tiny.get_by_role("alert")).to_contain_text("it answered 403")
        hub.dies, hub.fault, hub.broken = False, "", set()
        tiny.get_by_role("button", name="Try again").click()
        tiny.get_by_role("button", name="Remove tiny", exact=True).click()
        dialog = page.get_by_role("dialog", name="Remove “tiny”?")
        dialog.get_by_role("button", name="Remove", exact=True).click()
        expect(tiny.get_by_role("button", name="Download")).to_be_visible()


def test_finding_things_in_the_library(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        row = page.get_by_role("listitem").filter(has_text="Board meeting")
        row.get_by_role("link", name="board", exact=True).click()
        expect(page).to_have_url(re.compile(r"tag="))
        expect(page.get_by_text("1 filter · clear")).to_be_visible()
        expect(page.get_by_role("link", name="Lecture", exact=True)).to_have_count(0)
        expect(titles(page)).to_have_text([HOSTILE, "Board meeting"])
        page.get_by_role("button", name="Filter", exact=True).click()
        page.get_by_label("Sort").select_option("title")
        page.get_by_label("Tag", exact=True).select_option("<b>bold</b>")
        expect(page.get_by_text("2 filters · clear")).to_be_visible()
        expect(page.get_by_role("link", name="Board meeting", exact=True)).to_have_count(0)
        page.go_back()
        expect(page.get_by_role("link", name="Board meeting", exact=True)).to_be_visible()
        expect(titles(page)).to_have_text([HOSTILE, "Board meeting"])
        page.get_by_label("Speaker").select_option("<i>Cicero</i>")
        expect(page.get_by_text("No recording is like that")).to_be_visible()
        page.get_by_role("button", name="Clear filters").click()
        expect(page).to_have_url(re.compile(r"\?order=title$"))
        page.goto("/?speaker=%3Ci%3Ecicero%3C%2Fi%3E&since=2026-01-01")
        expect(page.get_by_role("link", name="Lecture", exact=True)).to_be_visible()
        expect(titles(page)).to_have_text(["Lecture"])


@pytest.mark.slow
def test_titles_tags_and_links(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page)
        page.get_by_role("button", name="More for Lecture").click()
        page.get_by_role("menuitem", name="Rename").click()
        page.keyboard.type("Lecture 7")
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name="Lecture 7", exact=True)
        expect(link).to_be_visible()
        for title in ("Lecture 7", "Board meeting"):
            page.get_by_role("checkbox", name=f"Select {title}").focus()
            page.keyboard.press("Space")
        page.get_by_role("button", name="Tags…").click()
        page.get_by_label("Add a tag").fill("2026")
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("link", name="2026", exact=True)).to_have_count(2)
        link.click()
        page.get_by_role("heading", name="Lecture 7").hover()
        page.get_by_role("button", name="Rename").click()
        page.keyboard.type("thrown away")
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Lecture 7")).to_be_visible()
        page.get_by_role("button", name="Share…").click()
        page.get_by_role("button", name="Make a link").click()
        address = page.get_by_role("dialog").locator("code").inner_text()
    with opened(browser, server) as page:
        page.goto(address)
        expect(page.get_by_role("heading", name="Lecture 7")).to_be_visible()
        expect(page.get_by_text("<i>Cicero</i>")).to_be_visible()
        page.goto("/shared#" + "x" * 43)
        page.reload()
        expect(page.get_by_text("opens nothing any more")).to_be_visible()


@pytest.mark.slow
def test_a_webhook_is_made_tested_and_sent_to_again(browser: Browser, server: ThreadServer) -> None:
    with receiving() as receiver, opened(browser, server) as page:
        sign_in(page, "/settings/webhooks")
        page.get_by_role("button", name="Make a webhook").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address").fill(receiver.url)
        dialog.get_by_label("Name").fill(HOSTILE)
        dialog.get_by_role("button", name="Make a webhook").click()
        secret = page.get_by_role("dialog", name="The secret of the webhook").locator("code").inner_text()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Send a test").click()
        deliveries = page.get_by_role("list", name="Deliveries")
        expect(deliveries.get_by_text("Delivered")).to_be_visible()
        deliveries.get_by_role("button", name="Send webhook.test again").click()
        expect(page.get_by_text("On its way again")).to_be_visible()
        deadline = time.monotonic() + 30
        while len(receiver.messages) < 2 and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        first, second = receiver.messages[:2]
        assert first.id == second.id
        assert first.verified(secret)["type"] == "webhook.test"
        page.reload()
        page.get_by_role("button", name="Send a test").wait_for()
        assert secret not in page.content()
        assert page.title() != "owned"


@pytest.mark.slow
def test_defaults_and_retention_are_kept(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        sign_in(page, "/settings/transcription")
        page.get_by_label("Language").select_option("de")
        page.get_by_label("Names and terms").fill("Tiro, <b>Cicero</b>\nTiro")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.").first).to_be_visible()
        said = server.client.get("/api/v1/me/transcription-defaults").json()
        assert (said["language"], said["vocabulary"]) == ("de", ["Tiro", "<b>Cicero</b>"])
        page.goto("/settings/retention")
        page.get_by_label("Remove files after days").fill("0")
        expect(page.get_by_text("the files of 3 recordings")).to_be_visible()
        page.get_by_label("Remove files after days").fill("999")
        expect(page.get_by_text("nothing would go")).to_be_visible()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("dialog").get_by_role("button", name="Keep for so long").click()
        expect(page.get_by_text("That holds from now on.")).to_be_visible()
        assert server.client.get("/api/v1/me/retention").json()["chosen"]["media_days"] == 999


def test_a_second_factor_is_set_up_and_asked_for(browser: Browser, server: ThreadServer) -> None:
    runtime = server.runtime
    runtime.users.create("una")
    runtime.accounts.set_password("una", PASSWORD)

    def log_in(page: Page) -> None:
        page.goto("/settings/security")
        page.get_by_label("Name").fill("una")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()

    with opened(browser, server) as page:
        log_in(page)
        page.get_by_role("button", name="Set up…").click()
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        shown = page.get_by_role("dialog").locator("code").first.inner_text()
        secret = base64.b32decode(shown.replace(" ", ""))
        now = int(time.time()) // 30
        page.get_by_label("Code of the app").fill(codes.code_at(secret, now))
        page.get_by_role("button", name="Turn on").click()
        page.get_by_role("button", name="I have kept them").click()
        expect(page.get_by_text("recovery codes are left")).to_be_visible()
    with opened(browser, server) as page:
        log_in(page)
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("alert")).to_be_visible()
        # Of a step that was not used yet.
        page.get_by_label("Code").fill(codes.code_at(secret, int(time.time()) // 30 + 1))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("navigation", name="Main").first).to_be_visible()


@pytest.mark.slow
def test_who_comes_from_the_identity_provider_is_in_the_app(browser: Browser, server: ThreadServer) -> None:
    with opened(browser, server) as page:
        page.goto("/settings/usage")
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        expect(page.get_by_role("heading", name="Usage")).to_be_visible()
        page.goto("/api/v1/auth/oidc/login")
        expect(page.get_by_text("Your first transcript is one drop away")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ar", "en"])
def test_pages_of_admins_fit_a_phone_and_another_direction(
    browser: Browser, server: ThreadServer, language: str
) -> None:
    with opened(browser, server, viewport={"width": 390, "height": 780}, has_touch=True) as page:
        sign_in(page)
        prefer(page.context, language=language)
        for address in [f"/admin/{name}" for name in ADMIN] + [f"/settings/{name}" for name in SETTINGS]:
            page.goto(address)
            page.get_by_role("heading", level=1).wait_for()
            page.wait_for_load_state("networkidle")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, (address, width)
