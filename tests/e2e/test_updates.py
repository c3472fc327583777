"""A new version of the app, built while pages of the old one are open."""

from __future__ import annotations

import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, opened, sign_in
from tests.serving import thread_server
from tiro.api import webapp

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]

NEW = '<meta name="build" content="new">'


def newer(built: Path, folder: Path) -> Path:
    """What was built, as another build: with another page, and without the file of the Record page."""
    shutil.copytree(built, folder)
    for gone in (folder / "assets").glob("RecordPage-*"):
        gone.unlink()
    for compressed in folder.glob("sw.js.*"):
        compressed.unlink()
    worker, index = folder / "sw.js", folder / "index.html"
    text = re.sub(r'"/assets/RecordPage-[^"]*",', "", worker.read_text())
    worker.write_text(re.sub(r"tiro-[0-9a-f]{16}", "tiro-0123456789abcdef", text))
    index.write_text(index.read_text().replace("<head>", f"<head>{NEW}"))
    return folder


def is_new(page: Page) -> bool:
    return page.locator("meta[name=build]").count() == 1


def test_a_new_version_waits_until_the_person_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(tmp_path / "data", engine={"default": "echo", "download": False})
    with chromium() as browser:
        with thread_server(settings) as old:
            old.runtime.accounts.set_password(NAME, PASSWORD)
            context = opened(browser, old)
            page = context.__enter__()
            sign_in(page)
            page.wait_for_function("() => navigator.serviceWorker.controller !== null")
            other = page.context.new_page()
            other.goto("/settings/profile")
            expect(other.get_by_role("heading", name="Settings")).to_be_visible()
            port = int(old.address.rpartition(":")[2])
        build = newer(Path(str(files("tiro") / "web")), tmp_path / "package" / "web")
        monkeypatch.setattr(webapp, "files", lambda package: build.parent)
        with thread_server(settings, port=port):
            page.evaluate("navigator.serviceWorker.getRegistration().then((each) => each.update())")
            notice = page.get_by_role("status").filter(has_text="There is a new version")
            expect(notice).to_be_visible()
            # Until then all of the old one is there, though the server has it no longer.
            page.get_by_role("link", name="Record").first.click()
            expect(page.get_by_role("heading", name="Record", exact=True)).to_be_visible()
            assert not is_new(page)
            notice.get_by_role("button").click()
            page.wait_for_function("() => document.querySelector('meta[name=build]') !== null")
            # The other tab is told too, and loses nothing by itself.
            notice = other.get_by_role("status").filter(has_text="There is a new version")
            expect(notice).to_be_visible()
            assert not is_new(other)
            notice.get_by_role("button").click()
            other.wait_for_function("() => document.querySelector('meta[name=build]') !== null")
            expect(other.get_by_role("heading", name="Settings")).to_be_visible()
            expect(other.get_by_text("There is a new version")).to_have_count(0)
            context.__exit__(None, None, None)
