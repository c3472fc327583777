"""How fast Whisper is in Tiro, beside faster-whisper and beside CTranslate2 itself on the same work.

The models have the architecture and the precision of the real ones, and weights without meaning (see
``bench.whispers``): every window says 100 tokens, whoever decodes it, greedily and without word times.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import queue
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from tests.makecall import RATE, turns

from bench import whispers
from bench.report import Spread, machine, say, table, target
from bench.rivals import Ran, Raw, best_faster_whisper, best_raw
from tiro import logs
from tiro.bootstrap.speech import SpeechRuntime, engine_options, speech_runtime
from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.whisper.encoder import CTRANSLATE2, ONNXRUNTIME
from tiro.engines.whisper.engine import JOIN_GAP, LONGEST_PAUSE
from tiro.engines.whisper.features import FeatureExtraction
from tiro.engines.whisper.loading import CPU_BATCH, split_cores
from tiro.features.transcription.pipeline import Advanced, Finished, PipelineRequest
from tiro.kit.memory import keep_together
from tiro.media.types import SpeechWindow, WindowSizes
from tiro.settings import EngineSettings, Settings
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import Audio

_SPEECH_SHARE = 0.7
_SIZES = WindowSizes(30.0, JOIN_GAP, LONGEST_PAUSE)
_TICK = 0.05
_TUNE = 5.0  # minutes of the recording by which faster-whisper is tuned
_TUNE_WINDOWS = 16
_THEIRS = "faster-whisper, batched"


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all measurements share: a folder, a model, and what runs it."""

    folder: Path
    model: Path
    encoder: str
    rounds: int

    @property
    def options(self) -> TranscriptionOptions:
        return TranscriptionOptions(
            engine=f"whisper:{self.model}", language="en", channels="mix", beam=1, word_times=False
        )

    @contextmanager
    def runtime(self) -> Iterator[SpeechRuntime]:
        with speech_runtime(self.settings(self.encoder)) as speech:
            yield speech

    def transcribe(self, speech: SpeechRuntime, recording: Path) -> Iterator[tuple[float, Advanced]]:
        """Each step of the work, and the seconds from the start to it."""
        started = time.perf_counter()
        request = PipelineRequest(recording, speech.prepare(self.options.engine), self.options)
        for event in speech.pipeline.run(request, threading.Event()):
            match event:
                case (Advanced() as step) | Finished(last=step):
                    yield time.perf_counter() - started, step
                case _:
                    pass

    def whole(self, speech: SpeechRuntime, recording: Path) -> Ran:
        """One recording from its file to its last segment.

        A word of what these models say is a token. What the guard drops was decoded too: nobody can say so
        much in a short window.
        """
        started = time.perf_counter()
        steps = [event for _, event in self.transcribe(speech, recording)]
        seconds = time.perf_counter() - started
        windows = [window for event in steps for window in event.windows]
        texts = [segment.text for window in windows for segment in window.segments]
        texts += [drop.text for window in windows for drop in window.drops]
        return Ran(seconds, len(windows), sum(len(text.split()) for text in texts))

    def engine_options(self, encoder: str) -> EngineOptions:
        return engine_options(self.settings(encoder))

    def settings(self, encoder: str) -> Settings:
        return Settings(data=self.folder / "data", engine=EngineSettings(encoder=encoder))

    def chosen(self, speech: SpeechRuntime) -> str:
        """The encoder that Tiro has loaded, which ``auto`` leaves open."""
        capabilities = speech.hosts.capabilities(speech.prepare(self.options.engine).spec)
        return ONNXRUNTIME if ONNXRUNTIME in capabilities.model else CTRANSLATE2


def speed(bench: _Bench, minutes: float) -> None:
    """End to end against faster-whisper, and against CTranslate2 over ready-made features."""
    recording = _recording(bench.folder / f"speech-{minutes:g}.wav", minutes * 60)
    extract = FeatureExtraction(whispers.SIZES[bench.model.name].mels)
    mels = [extract(audio)[0] for audio in _windows(bench, recording)]
    tune = min(minutes, _TUNE)
    theirs = best_faster_whisper(bench.model, _recording(bench.folder / f"speech-{tune:g}.wav", tune * 60))
    runs: dict[str, list[Ran]] = {}
    settings = {_THEIRS: theirs.settings}
    with bench.runtime() as speech:
        bench.whole(speech, _recording(bench.folder / "short.wav", 60))
        same = bench.chosen(speech)
        raws = {
            name: best_raw(bench.model, bench.engine_options(name), mels[:_TUNE_WINDOWS])
            for name in dict.fromkeys((same, CTRANSLATE2))
        }
        for _ in range(bench.rounds):
            runs.setdefault("Tiro", []).append(bench.whole(speech, recording))
            runs.setdefault(_THEIRS, []).append(theirs.run(recording))
            for name, raw in raws.items():
                what = f"raw generate, encoder {name}"
                settings[what] = raw.settings
                runs.setdefault(what, []).append(raw.run(mels))
    say(f"{minutes:g} minutes, {_SPEECH_SHARE:.0%} speech, {bench.rounds} rounds interleaved; the others at")
    say("their best settings, raw generate over Tiro's windows, whose features are ready.")
    say()
    rows = []
    for name, ran in runs.items():
        ratio = _ratio(runs["Tiro"], ran)
        counts = [f"{ran[-1].windows}", f"{ran[-1].tokens}"]
        seconds = Spread([one.seconds for one in ran])
        said = settings.get(name, "its own choice")
        rows.append([name, *seconds.columns(1), *counts, *ratio.columns(2), said])
    table(["what", "seconds", "range", "windows", "tokens", "Tiro / this", "range", "settings"], rows)
    own = same == CTRANSLATE2
    wanted = {_THEIRS: 0.9 if own else 0.7, f"raw generate, encoder {same}": 1.05}
    for name, limit in wanted.items():
        target(f"Tiro / {name}", _ratio(runs["Tiro"], runs[name]).median, limit, "times", 2)


def _ratio(ours: list[Ran], theirs: list[Ran]) -> Spread:
    """Round by round, so that what disturbs the machine disturbs both."""
    return Spread([one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)])


def jobs(bench: _Bench, minutes: float) -> None:
    """Two recordings at once against one after the other."""
    recording = _recording(bench.folder / "job.wav", minutes * 60)
    ratios, shares = [], []
    with bench.runtime() as speech:
        bench.whole(speech, _recording(bench.folder / "short.wav", 60))
        for _ in range(bench.rounds):
            alone = sum(bench.whole(speech, recording).seconds for _ in range(2))
            started = time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                ends = list(pool.map(lambda _: bench.whole(speech, recording).seconds, range(2)))
            ratios.append((time.perf_counter() - started) / alone)
            shares.append(min(ends) / max(ends))
    say(f"Two recordings of {minutes:g} minutes at once, against one after the other; {bench.rounds} rounds.")
    spread = Spread(ratios)
    say(f"Ratio {spread.median:.2f} ({spread.values[0]:.2f}–{spread.values[-1]:.2f}); the first was done")
    say(f"after {Spread(shares).median:.0%} of the time of the second.")
    say()
    target("two at once / one after the other", spread.median, 0.95, "times", 2)


def clip(bench: _Bench) -> None:
    """A clip of 10 s on a warm model, beyond what the engine's own process takes for its window."""
    recording = _recording(bench.folder / "clip.wav", 10)
    [window] = _windows(bench, recording)
    beyond = []
    with bench.runtime() as speech:
        spec = speech.prepare(bench.options.engine).spec
        bench.whole(speech, recording)
        request = _request(bench, window)
        for _ in range(5 * bench.rounds):
            whole = bench.whole(speech, recording).seconds
            started = time.perf_counter()
            speech.hosts.transcribe(spec, request, threading.Event())
            beyond.append(1000 * (whole - (time.perf_counter() - started)))
    spread = Spread(beyond)
    least, most = spread.values[0], spread.values[-1]
    say(f"10 s clip: {spread.median:.0f} ms beyond the engine ({least:.0f} to {most:.0f}).")
    say()
    target("time beyond the engine's own", spread.median, 100, "ms")


def memory(bench: _Bench, minutes: float, short: float) -> None:
    """Peak memory of a long and of a short recording, above what raw generate needs; the first segment."""
    peaks: dict[str, float] = {}
    first: dict[str, list[float]] = {}
    lengths = {"short": short, "long": minutes}
    files = {name: _recording(bench.folder / f"{name}.wav", 60 * length) for name, length in lengths.items()}
    for name, file in files.items():
        with bench.runtime() as speech:
            with _peak() as peak:
                spoken = [after for after, event in bench.transcribe(speech, file) if event.segments]
            peaks[name] = peak.get()
            again = next(after for after, event in bench.transcribe(speech, file) if event.segments)
        first[name] = [spoken[0], again]
    workers, threads = split_cores(psutil.cpu_count() or 1)
    raw_peak = _raw_peak(bench, workers, threads)
    say(f"Peak memory of all processes above the bench's own, MiB: {short:g} minutes {peaks['short']:.0f},")
    say(f"{minutes:g} minutes {peaks['long']:.0f};")
    say(f"raw generate over three batches for each worker {raw_peak:.0f}.")
    for name, (cold, warm) in first.items():
        say(f"First segment, {lengths[name]:g} minutes: {warm:.1f} s, with the model to load {cold:.1f} s.")
    say()
    target("above raw generate", peaks["long"] - raw_peak, 150, "MiB")
    target("long / short", peaks["long"] / peaks["short"], 1.10, "times", 2)


def _raw_peak(bench: _Bench, workers: int, threads: int) -> float:
    """In a process of its own, as the engine's is; what its imports take is left out."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_raw_once, bench, workers, threads).result()


def _raw_once(bench: _Bench, workers: int, threads: int) -> float:
    for name in ("ctranslate2", "onnxruntime", "tokenizers"):
        importlib.import_module(name)
    mel = np.zeros((whispers.SIZES[bench.model.name].mels, 3000), np.float32)
    with _peak() as peak:
        raw = Raw(bench.model, bench.engine_options(bench.encoder), workers, threads)
        raw.run([mel] * (3 * CPU_BATCH * workers))
    return peak.get()


@contextmanager
def _peak() -> Iterator[queue.Queue[float]]:
    """The most memory that this process and its children had above its start, put into a queue at the end."""
    found: queue.Queue[float] = queue.Queue()
    ended = threading.Event()
    before = _memory()

    def watch() -> None:
        most = before
        while not ended.wait(_TICK):
            most = max(most, _memory())
        found.put(most - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _memory() -> float:
    """PSS of this process and of all its children, in MiB."""
    total = 0.0
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return total


def _request(bench: _Bench, audio: Audio) -> TranscribeRequest:
    from tiro.engines.base import DecodingOptions

    return TranscribeRequest(audio, "en", decoding=DecodingOptions(beam=1, word_times=False))


def _windows(bench: _Bench, recording: Path) -> list[Audio]:
    """The windows that Tiro makes of a recording."""
    with (
        bench.runtime() as speech,
        speech.decoders.listen(recording, "mix", _SIZES, stop=threading.Event()) as media,
    ):
        media.begin(_SIZES)
        return [heard.audio for heard in media if isinstance(heard, SpeechWindow)]


def _recording(path: Path, seconds: float) -> Path:
    """Speech, turn after turn, with so much silence behind each that the share is as it should be."""
    if path.exists():
        return path
    left = round(seconds * RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        spoken = [turn for _, turn in (*turns("left"), *turns("right"))]
        place = 0
        while left > 0:
            turn = spoken[place % len(spoken)]
            silence = np.zeros(round(len(turn) * (1 / _SPEECH_SHARE - 1)), np.float32)
            samples = (np.concatenate([turn, silence])[:left] * 32767).astype(np.int16)
            file.writeframesraw(samples.tobytes())
            left -= len(samples)
            place += 1
    return path


def measure(asked: argparse.Namespace) -> None:
    """What ``asked`` names, with one model."""
    say(f"Architecture {asked.size}, RANDOM WEIGHTS, int8; encoder: {asked.encoder}.")
    say()
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        model = whispers.make(folder / "models" / asked.size, whispers.SIZES[asked.size])
        bench = _Bench(folder, model, asked.encoder, asked.rounds)
        work: dict[str, Callable[[], None]] = {
            "speed": lambda: speed(bench, asked.minutes),
            "jobs": lambda: jobs(bench, asked.minutes / 2),
            "clip": lambda: clip(bench),
            "memory": lambda: memory(bench, asked.long, asked.short),
        }
        for one in asked.names or work:
            started = time.monotonic()
            work[one]()
            say(f"({one} took {time.monotonic() - started:.0f} s; {machine().split('; ')[-1]})")
            say()


def run(*, quick: bool = False) -> None:
    """What the table of figures asks for; ``quick`` takes shorter recordings, and each once."""
    logs.configure("warning", "text")
    asks = [_QUICK] if quick else [_BASE, _SMALL, _LONG]
    for ask in asks:
        measure(_parser().parse_args(ask.split()))


_BASE = "speed jobs clip --size base --minutes 30"
_SMALL = "speed --size small --minutes 30"
_LONG = "memory --size tiny --long 180"
_QUICK = "--size tiny --minutes 4 --long 12 --short 3 --rounds 1"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.whisper", description=__doc__)
    parser.add_argument("names", nargs="*", help="speed, jobs, clip, memory; all of them by default")
    parser.add_argument("--size", choices=list(whispers.SIZES), default="base")
    parser.add_argument(
        "--minutes", type=float, default=10, help="length of the recording for speed; jobs take half"
    )
    parser.add_argument("--long", type=float, default=60, help="minutes of the long recording for memory")
    parser.add_argument("--short", type=float, default=10, help="minutes of the short one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", choices=["auto", CTRANSLATE2, ONNXRUNTIME], default="auto")
    return parser


if __name__ == "__main__":
    keep_together()  # as `tiro` does
    logs.configure("warning", "text")
    said = _parser().parse_args()
    say(f"`python -m bench.whisper {' '.join(sys.argv[1:])}` on {machine()}")
    say()
    measure(said)
