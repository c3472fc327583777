"""A real browser on a real server, as a person has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serving import ThreadServer
from tiro.api import webapp

NAME, PASSWORD = "owner", "correct horse battery"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_SETTLED = """async () => {
    // Colours are handed down, each from when the one above has changed.
    const moving = () => document.getAnimations().some((each) => each.playState === 'running');
    for (let calm = 0, frame = 0; calm < 3 && frame < 120; calm += moving() ? 0 : 1, frame++)
        await new Promise(requestAnimationFrame);
}"""


def built() -> str | None:
    """Why there is no web app to try; None where there is."""
    return None if webapp.is_built() else "The web app is not built: make web."


MISSING = built() if PROGRAM else "There is no Chromium here (on Debian: apt install chromium)."
"""Why nothing can be tried here; None where it can."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]


@contextmanager
def chromium(*flags: str, display: str | None = None) -> Iterator[Browser]:
    """Args:
    display: an X server's, for what a browser without a screen only pretends to do, such as sound.
    """
    settings: dict[str, Any] = {"args": [*_FLAGS, "--mute-audio", *flags]}
    if display is not None:
        settings = {"args": [*_FLAGS, *flags], "headless": False, "env": {**os.environ, "DISPLAY": display}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, **settings)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def listening(heard: Path) -> Iterator[Browser]:
    """A browser with a microphone that hears this WAV, over and over."""
    device = "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={heard}"
    with chromium(*device) as browser:
        yield browser


@contextmanager
def opened(browser: Browser, server: ThreadServer, **options: Any) -> Iterator[Page]:
    """A page of a browser that knows nothing yet. What its console has to complain of is an error at the end:
    that a script was blocked, or broke, goes unseen otherwise."""
    context = browser.new_context(base_url=server.address, locale="en-GB", **options)
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints


def _is_complaint(said: Any) -> bool:
    # What the server refused, and what could not be reached, is told to the person and tried here on purpose.
    # And Chromium asks for a camera, which is forbidden, where a tab's picture is shared.
    expected = (
        "Failed to load resource",
        "net::",
        "was interrupted while the page was loading",
        "camera is not allowed",
    )
    return said.type == "error" and not any(each in said.text for each in expected)


def sign_in(page: Page, address: str = "/") -> None:
    page.goto(address)
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main").first).to_be_visible()


def prefer(context: BrowserContext, **preferences: str) -> None:
    """What the browser remembers of its person's taste, from the next page on."""
    pairs = ", ".join(f"{name}: {value!r}" for name, value in preferences.items())
    # Firefox runs it on the empty page too, which may keep nothing.
    keep = f"localStorage.setItem('tiro.preferences', JSON.stringify({{{pairs}}}))"
    context.add_init_script(f"try {{ {keep} }} catch {{}}")


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe finds against the WCAG and good practice on the page as it is now."""
    page.evaluate(_axe())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def in_both_themes(page: Page) -> list[str]:
    """What axe finds on the page as it is now, in one theme and in the other."""
    found = []
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.evaluate(_SETTLED)
        found += [f"{theme}: {fault}" for fault in violations(page)]
    return found
