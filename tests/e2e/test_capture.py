"""What a browser itself grants and refuses when it records, and what becomes of Safari's recordings."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, opened, sign_in
from tests.makecall import RATE, samples, silence, wav
from tests.makemedia import browser_mp4
from tests.serving import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]

DEVICE = "--use-fake-device-for-media-stream"
PLAY = """(speech) => {
    document.title = 'The call';
    const player = new Audio(`data:audio/wav;base64,${speech}`);
    player.loop = true;
    return player.play();
}"""
WATCH_LOCKS = """
    window.locks = [];
    const request = navigator.wakeLock.request.bind(navigator.wakeLock);
    navigator.wakeLock.request = async (kind) => {
        const lock = await request(kind);
        window.locks.push(lock);
        return lock;
    };
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("capture"),
        engine={"default": "pocketsphinx", "download": False},
        limits={"address": 0, "key": 0},
    )
    with thread_server(settings) as running:
        running.runtime.accounts.set_password(NAME, PASSWORD)
        yield running


def recorded(page: Page, seconds: float) -> None:
    page.get_by_role("button", name="Start recording").click()
    expect(page.get_by_role("status").filter(has_text="Recording")).to_be_visible()
    page.wait_for_function(
        "(least) => Number(document.querySelector('[data-saved]')?.dataset.saved ?? 0) >= least", arg=seconds
    )
    page.get_by_role("button", name="Stop and save").click()
    expect(page.get_by_role("heading", name="It is in the library")).to_be_visible()


def heard_in(server: ThreadServer, title: str) -> str:
    found = server.client.get("/api/v1/transcribe", params={"title": title}).json()["items"]
    result = server.client.until_ended(found[0]["session_id"])
    assert result["status"] == "completed", result
    return " ".join(each["text"] for each in result["transcript"]["segments"])


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen that nobody sees."""
    if shutil.which("Xvfb") is None:
        pytest.skip("There is no Xvfb here (on Debian: apt install xvfb).")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            yield f":{running.stdout.readline().strip()}"
        finally:
            running.terminate()


@pytest.mark.parametrize("source", ["A tab’s sound", "Both, mixed"])
def test_the_sound_of_another_tab(server: ThreadServer, display: str, tmp_path: Path, source: str) -> None:
    quiet = tmp_path / "silence.wav"
    quiet.write_bytes(silence(5))
    flags = (
        "--auto-select-tab-capture-source-by-title=The call",
        DEVICE,
        f"--use-file-for-fake-audio-capture={quiet}",
    )
    with (
        chromium(*flags, display=display) as browser,
        opened(browser, server, permissions=["microphone"]) as page,
    ):
        sign_in(page, "/record")
        call = page.context.new_page()
        call.goto("about:blank")
        call.evaluate(PLAY, base64.b64encode(wav(seconds=20)).decode())
        page.bring_to_front()
        page.get_by_text(source, exact=True).click()
        page.get_by_label("Title").fill(source)
        recorded(page, 6)
    assert len(heard_in(server, source).split()) > 3


def test_a_browser_that_grants_no_microphone(server: ThreadServer) -> None:
    with chromium(DEVICE, "--deny-permission-prompts") as browser, opened(browser, server) as page:
        sign_in(page, "/record")
        button = page.get_by_role("button", name="Start recording")
        button.click()
        refused = page.get_by_role("alert").filter(has_text="This page may not listen")
        expect(refused).to_be_visible()
        expect(button).to_be_enabled()
        # Once it is granted, the same button records, and what was said before has gone.
        page.context.grant_permissions(["microphone"])
        button.click()
        expect(page.get_by_role("status").filter(has_text="Recording")).to_be_visible()
        expect(refused).to_have_count(0)
        page.get_by_role("button", name="Stop and save").click()
        expect(page.get_by_role("heading", name="It is in the library")).to_be_visible()


def test_the_screen_stays_awake_while_it_records(server: ThreadServer) -> None:
    permissions = ["microphone", "screen-wake-lock"]
    with chromium(DEVICE) as browser, opened(browser, server, permissions=permissions) as page:
        page.add_init_script(WATCH_LOCKS)
        sign_in(page, "/record")
        page.get_by_role("button", name="Start recording").click()
        page.wait_for_function("() => window.locks.length === 1 && !window.locks[0].released")
        page.get_by_role("button", name="Stop and save").click()
        page.wait_for_function("() => window.locks.every((each) => each.released)")


@pytest.mark.parametrize("lost", [0, 700])
def test_what_safari_recorded_is_heard_and_sought_in(server: ThreadServer, lost: int) -> None:
    mp4 = browser_mp4(samples(20), RATE)
    sent = server.client.send_file("recording.mp4", mp4[: len(mp4) - lost], wait=60).json()["session_id"]
    with chromium() as browser, opened(browser, server) as page:
        sign_in(page, f"/recordings/{sent}")
        slider = page.get_by_role("slider")
        slider.wait_for()
        expect(page.get_by_role("region", name="Player")).to_contain_text(
            re.compile("0:(19|20)")  # the browser's own count, which it may round up
        )
        slider.press("End")
        slider.press("ArrowLeft")
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(slider).to_have_attribute("aria-valuenow", re.compile("^1[4-9]$"))
