"""The web app in Chromium: a transcript of four hours opened, typed into and scrolled, a library of 10,000,
and how long it takes until what happens on the server is seen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page
from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, sign_in
from tests.makecall import wav
from tests.serving import ServerProcess, server_process, thread_server

from bench import listing
from bench.report import Spread, at_least, say, table, target
from tiro import logs
from tiro.db.tables import TranscriptTable
from tiro.features.transcripts.service import TranscriptService
from tiro.speech.types import Segment, Word

_HOURS = 4
_WORDS, _A_SEGMENT = 40_000, 10
_RECORDINGS = 10_000
_ROUNDS = 7
_EDITS = 40
_FRAMES = 600
_TEXT = "good morning thank you for calling what can we do"
_HOOKS = """
window.sounds = [];
const Plain = window.Audio;
window.Audio = function (...given) {
  const made = new Plain(...given);
  window.sounds.push(made);
  return made;
};
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((each) => each.duration)))
  .observe({type: 'longtask'});
window.typed = [];
new PerformanceObserver((list) => window.typed.push(...list.getEntries()
  .filter((each) => each.name === 'keydown').map((each) => each.duration)))
  .observe({type: 'event', durationThreshold: 16});
"""
_READY = """
() => document.querySelectorAll('[data-segment]').length > 5
  && document.querySelector('[data-speaker]') !== null
  && window.sounds.some((sound) => sound.readyState >= 1)
"""
"""The text is there, its speakers can be clicked, which only editors can; and the sound is known."""
_SINCE = """
([ready, click]) => new Promise((answer) => {
  const check = eval(ready), begun = click === null ? 0 : performance.now();
  if (click !== null) document.querySelector(click).click();
  const look = () => check() ? answer(performance.now() - begun) : requestAnimationFrame(look);
  look();
})
"""
_SCROLL = """
(frames) => new Promise((answer) => {
  const times = [];
  window.long.length = 0;
  let last = performance.now();
  const step = (now) => {
    times.push(now - last);
    last = now;
    window.scrollBy(0, 60);
    if (times.length < frames) requestAnimationFrame(step);
    else answer([times.slice(1), window.long.slice()]);
  };
  requestAnimationFrame(step);
})
"""
_SEEN = """
(text) => new Promise((answer) => {
  const seen = () => document.body.textContent.includes(text);
  const look = () => seen() ? answer(Date.now()) : requestAnimationFrame(look);
  look();
})
"""


def run() -> None:
    if MISSING is not None:
        say(MISSING)
        return
    logs.configure("error", "text")
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        session_id = _prepare(folder)
        with server_process(folder / "data") as server, chromium() as browser:
            say("Headless, software rendering, window of 1280 × 800. Milliseconds.")
            say()
            _open(browser, server, session_id)
            with _page(browser, server) as page:
                _type(page, session_id)
                long = _scroll(page, f"{_WORDS:,} words")
                edit = _edits(page, server, session_id)
                page.goto("/")
                page.get_by_text("Call 9999").wait_for()
                library = _scroll(page, f"library of {_RECORDINGS:,}")
                upload = _uploads(page, server)
            rows = [long, library]
            table(["scrolling", "frames/s, median", "frame, median", "p95", "worst", "longest task"], rows)
            table(
                ["from the server's answer until it is seen", "p50", "p95", "worst"],
                [
                    ["an edit of another", *_columns(edit)],
                    ["a new recording", *_columns(upload)],
                ],
            )
            for what, frames in zip(
                ("of a long transcript", "of the library"), (long[1], library[1]), strict=True
            ):
                at_least(f"frames a second {what}", float(frames), 60, "/s")
            longest = max(float(row[-1]) for row in rows)
            target("longest task while scrolling", longest, 100, "ms")
            worst = max(edit.percentile(0.95), upload.percentile(0.95))
            target("event on the server to pixel, p95", worst, 300, "ms")


def _columns(spread: Spread) -> list[str]:
    return [f"{value:.0f}" for value in (spread.median, spread.percentile(0.95), spread.values[-1])]


def _prepare(folder: Path) -> str:
    """A library, and in it a recording whose transcript is four hours long; returns its id."""
    data = folder / "data"
    listing.fill(data, _RECORDINGS)
    with thread_server(make_settings(data)) as server:
        server.runtime.accounts.set_password(NAME, PASSWORD)
        # The sound is short, for it is read piece by piece however long it is.
        sent = server.client.send_file("call.wav", wav(seconds=60), engine="echo", title="Long", wait=60)
        session_id = str(sent.json()["session_id"])
        server.client.get(f"/api/v1/transcribe/{session_id}/peaks").raise_for_status()
        with server.runtime.database.write() as session:
            transcripts = TranscriptService()
            current = transcripts.current(session, session_id, only=())
            assert current is not None
            transcripts.forget(session, current.job_id)
            transcripts.append(session, current.job_id, 0, list(_segments()))
            session.get_one(TranscriptTable, current.job_id).next_position = _WORDS // _A_SEGMENT
        (data / "key").write_text(server.key)
    return session_id


def _segments() -> Iterator[Segment]:
    texts = _TEXT.split()
    step = _HOURS * 3600 / (_WORDS // _A_SEGMENT)
    for place in range(_WORDS // _A_SEGMENT):
        start = place * step
        length = step / (_A_SEGMENT + 1)
        words = tuple(
            Word(start + at * length, start + (at + 1) * length, text, 0.9) for at, text in enumerate(texts)
        )
        speaker = ("left", "right")[place // 3 % 2]
        yield Segment(start, words[-1].end, _TEXT, speaker=speaker, words=words, confidence=0.9)


@contextmanager
def _page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    context = browser.new_context(
        base_url=server.address, locale="en-GB", viewport={"width": 1280, "height": 800}, bypass_csp=True
    )
    context.add_init_script(_HOOKS)
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        sign_in(page)
        yield page
    finally:
        context.close()


def _open(browser: Browser, server: ServerProcess, session_id: str) -> None:
    by_address: list[float] = []
    by_link: list[float] = []
    with _page(browser, server) as page:
        for _ in range(1 + _ROUNDS):
            page.goto(f"/recordings/{session_id}")
            by_address.append(page.evaluate(_SINCE, [_READY, None]))
        for _ in range(1 + _ROUNDS):
            page.goto("/")
            link = f'a[href="/recordings/{session_id}"]'
            page.locator(link).first.hover()
            page.wait_for_timeout(300)
            by_link.append(page.evaluate(_SINCE, [_READY, link]))
    ways = {"by its address": Spread(by_address[1:]), "by a click in the library": Spread(by_link[1:])}
    rows = [[way, *spread.columns()] for way, spread in ways.items()]
    table([f"a transcript of {_WORDS:,} words, until one can type and play", "median", "range"], rows)
    for way, spread in ways.items():
        target(f"opened {way}", spread.median, 1000, "ms")


def _type(page: Page, session_id: str) -> None:
    page.goto(f"/recordings/{session_id}")
    page.wait_for_function(_READY)
    page.locator(".word").nth(25).dblclick()
    page.get_by_role("textbox").wait_for()
    page.evaluate("window.typed.length = 0")
    for letter in "what they said is written down here ":
        page.keyboard.press(letter if letter != " " else "Space")
        page.wait_for_timeout(40)
    page.wait_for_timeout(300)
    typed = page.evaluate("window.typed")
    page.keyboard.press("Escape")
    # What is below 16 ms the browser does not tell.
    shown = Spread(typed or [16.0])
    worst = shown.values[-1]
    say(f"A key until its letter is seen: p95 {shown.percentile(0.95):.0f} ms, worst {worst:.0f} ms.")
    say()


def _scroll(page: Page, what: str) -> list[str]:
    page.wait_for_timeout(1000)
    times, long = page.evaluate(_SCROLL, _FRAMES)
    spread = Spread(times)
    frames = 1000 / spread.median
    figures = [spread.median, spread.percentile(0.95), spread.values[-1]]
    return [what, f"{frames:.0f}", *(f"{each:.1f}" for each in figures), f"{max(long, default=0):.0f}"]


def _edits(page: Page, server: ServerProcess, session_id: str) -> Spread:
    page.evaluate("window.scrollTo(0, 0)")
    page.locator('[data-segment="1"]').wait_for()
    path = f"/api/v1/transcribe/{session_id}"
    version = server.client.get(path).json()["transcript"]["version"]

    took: list[float] = []

    def edit(number: int) -> tuple[str, float]:
        text = f"said anew {number:04d}"
        body = {"version": version + number, "changes": [{"op": "text", "segment": 1, "text": text}]}
        begun = time.time()
        server.client.patch(f"{path}/transcript", json=body).raise_for_status()
        took.append(1000 * (time.time() - begun))
        return text, time.time()

    seen = _until_seen(page, edit)
    say(f"An edit took the server {Spread(took).median:.0f} ms, median.")
    say()
    return seen


def _uploads(page: Page, server: ServerProcess) -> Spread:
    page.evaluate("window.scrollTo(0, 0)")

    def upload(number: int) -> tuple[str, float]:
        title = f"Came meanwhile {number:04d}"
        server.client.send_file("call.wav", wav(seconds=1), title=title)
        return title, time.time()

    return _until_seen(page, upload)


def _until_seen(page: Page, deed: Callable[[int], tuple[str, float]]) -> Spread:
    """How long after each of these deeds its text is on the page. Both clocks are this machine's."""
    found: list[float] = []
    for number in range(_EDITS):
        text, begun = deed(number)
        found.append(page.evaluate(_SEEN, text) - 1000 * begun)
        page.wait_for_timeout(150)
    return Spread(found)
