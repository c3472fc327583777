"""The web app in Chromium, against what was promised of it: how light its first page is, how soon a
transcript of four hours can be worked on, how smoothly it and a library scroll, and when an event is seen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from tests.conftest import make_settings
from tests.e2e.browser import MISSING, NAME, PASSWORD, chromium, prefer, sign_in, violations
from tests.makecall import wav
from tests.serving import ServerProcess, server_process, thread_server

from bench import listing
from bench.report import Spread, say, table
from tiro import logs
from tiro.db.tables import TranscriptTable
from tiro.features.transcripts.service import TranscriptService
from tiro.speech.types import Segment, Word

_HOURS = 4
_WORDS, _A_SEGMENT = 40_000, 10
_RECORDINGS = 10_000
_RUNS = 5
_EVENTS = 12
_FRAMES = 300
_LONG, _LIBRARY = f"{_WORDS:,} words", f"library of {_RECORDINGS:,}"
_WANTED = {
    "JavaScript of the library page, compressed": "at most 200 kB",
    "axe: violations, seven pages in both themes": "at most 0",
    f"{_LONG}, opened by address until one can type and play": "at most 1000 ms",
    f"{_LONG}, opened by a click until one can type and play": "at most 1000 ms",
    f"{_LONG}, scrolling: median frames a second": "at least 60",
    f"{_LONG}, scrolling: longest task": "at most 100 ms",
    f"{_LIBRARY}, scrolling: median frames a second": "at least 60",
    f"{_LIBRARY}, scrolling: longest task": "at most 100 ms",
    "an edit of another, answered until seen, p95": "at most 300 ms",
    "a new recording, answered until seen, p95": "at most 300 ms",
    "a key until its letter is seen, p95": "",
}
"""What issue 6 promises, in its order."""
_PAGES = (
    "/",
    "/record",
    "/settings/profile",
    "/settings/keys",
    "/admin/people",
    "/admin/health",
    "/recordings/{}",
)
_SCRIPTS = """
performance.getEntriesByType('resource').filter((each) => each.name.endsWith('.js'))
  .reduce((sum, each) => sum + each.encodedBodySize, 0) / 1000
"""
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
            light = [_scripts(browser, server)]
            clean = [_faults(browser, server, session_id)]
            with _page(browser, server) as page:
                _by_address(page, session_id)  # what comes after has the app in the browser's cache
                runs = [_once(page, server, session_id) for _ in range(_RUNS)]
    say(f"Headless, software rendering, window of 1280 × 800. Median and range of {_RUNS} runs.")
    say()
    measured = [light, clean, *(list(values) for values in zip(*runs, strict=True))]
    _tell(dict(zip(_WANTED, measured, strict=True)))


def _tell(measured: dict[str, list[float]]) -> None:
    rows = []
    for what, values in measured.items():
        spread = Spread(values)
        wanted = _WANTED[what]
        rows.append([what, wanted, *spread.columns(), wanted and _verdict(wanted, spread.median)])
    table(["figure", "wanted", "median", "range", ""], rows)


def _verdict(wanted: str, value: float) -> str:
    _, bound, limit, *_ = wanted.split()
    # A frame takes 16.7 ms, and what tells it rounds.
    met = value <= float(limit) if bound == "most" else value >= float(limit) - 0.5
    return "met" if met else "MISSED"


def _once(page: Page, server: ServerProcess, session_id: str) -> list[float]:
    """All that differs from run to run, in the order of what is wanted."""
    by_address = _by_address(page, session_id)
    by_click = _by_click(page, session_id)
    letter = _type(page)
    long = _scroll(page)
    edit = _edits(page, server, session_id)
    page.goto("/")
    page.get_by_text("Call 9999").wait_for()
    library = _scroll(page)
    upload = _uploads(page, server)
    return [by_address, by_click, *long, *library, edit, upload, letter]


def _scripts(browser: Browser, server: ServerProcess) -> float:
    """Kilobytes."""
    # What comes out of the service worker's cache has no compressed size.
    with _page(browser, server, service_workers="block") as page:
        page.goto("/")
        page.get_by_text("Call 9999").wait_for()
        return float(page.evaluate(_SCRIPTS))


def _faults(browser: Browser, server: ServerProcess, session_id: str) -> float:
    found = 0
    for theme in ("light", "dark"):
        # Without animations nothing is half-way to its colour.
        with _page(browser, server, reduced_motion="reduce") as page:
            prefer(page.context, theme=theme)
            for address in _PAGES:
                page.goto(address.format(session_id))
                page.locator("h1").first.wait_for()
                page.wait_for_timeout(300)
                found += len(violations(page))
    return found


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
def _page(browser: Browser, server: ServerProcess, **options: Any) -> Iterator[Page]:
    context = browser.new_context(
        base_url=server.address,
        locale="en-GB",
        viewport={"width": 1280, "height": 800},
        bypass_csp=True,
        **options,
    )
    context.add_init_script(_HOOKS)
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        sign_in(page)
        yield page
    finally:
        context.close()


def _by_address(page: Page, session_id: str) -> float:
    """Milliseconds, as all that follow."""
    page.goto(f"/recordings/{session_id}")
    return float(page.evaluate(_SINCE, [_READY, None]))


def _by_click(page: Page, session_id: str) -> float:
    page.goto("/")
    link = f'a[href="/recordings/{session_id}"]'
    page.locator(link).first.hover()
    page.wait_for_timeout(300)
    return float(page.evaluate(_SINCE, [_READY, link]))


def _type(page: Page) -> float:
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
    return Spread(typed or [16.0]).percentile(0.95)


def _scroll(page: Page) -> tuple[float, float]:
    """Frames a second, and the longest task."""
    page.wait_for_timeout(1000)
    times, long = page.evaluate(_SCROLL, _FRAMES)
    return 1000 / Spread(times).median, max(long, default=0)


def _edits(page: Page, server: ServerProcess, session_id: str) -> float:
    page.evaluate("window.scrollTo(0, 0)")
    page.locator('[data-segment="1"]').wait_for()
    path = f"/api/v1/transcribe/{session_id}"
    version = server.client.get(path).json()["transcript"]["version"]

    def edit(number: int) -> tuple[str, float]:
        text = f"said anew {version + number:04d}"
        body = {"version": version + number, "changes": [{"op": "text", "segment": 1, "text": text}]}
        server.client.patch(f"{path}/transcript", json=body).raise_for_status()
        return text, time.time()

    return _until_seen(page, edit)


def _uploads(page: Page, server: ServerProcess) -> float:
    page.evaluate("window.scrollTo(0, 0)")
    sent: list[str] = []

    def upload(number: int) -> tuple[str, float]:
        title = f"Came meanwhile {number:04d}"
        answer = server.client.send_file("call.wav", wav(seconds=1), title=title)
        answered = time.time()
        sent.append(answer.json()["links"]["self"])
        return title, answered

    shown = _until_seen(page, upload)
    for path in sent:
        server.client.delete(path).raise_for_status()
    return shown


def _until_seen(page: Page, deed: Callable[[int], tuple[str, float]]) -> float:
    """How long after each of these deeds its text is on the page, p95. Both clocks are this machine's."""
    found: list[float] = []
    for number in range(_EVENTS):
        text, begun = deed(number)
        found.append(page.evaluate(_SEEN, text) - 1000 * begun)
        page.wait_for_timeout(150)
    return Spread(found).percentile(0.95)
