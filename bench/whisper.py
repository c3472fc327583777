"""How fast Whisper is in Tiro, beside faster-whisper and beside CTranslate2 itself on the same work.

The models have the architecture and the precision of the real ones, and weights without meaning (see
``bench.whispers``): every window says 100 tokens, whoever decodes it, greedily and without word times.
"""

from __future__ import annotations

import argparse
import queue
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.makecall import RATE, turns

from bench import whispers
from bench.report import Spread, machine, say, table, target
from tiro import logs
from tiro.bootstrap.speech import SpeechRuntime, engine_options, speech_runtime
from tiro.engines.base import TranscribeRequest
from tiro.engines.whisper.encoder import (
    CTRANSLATE2,
    ONNXRUNTIME,
    Encoder,
    Loaded,
    choose_encoder,
)
from tiro.engines.whisper.engine import JOIN_GAP, LONGEST_PAUSE
from tiro.engines.whisper.features import FeatureExtraction, Mel
from tiro.engines.whisper.loading import CPU_BATCH, split_cores
from tiro.engines.whisper.prompts import Prompts
from tiro.features.transcription.pipeline import Advanced, PipelineRequest
from tiro.media.types import SpeechWindow, WindowSizes
from tiro.settings import EngineSettings, Settings
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import Audio

_SPEECH_SHARE = 0.7
_SIZES = WindowSizes(30.0, JOIN_GAP, LONGEST_PAUSE)
_TICK = 0.05


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
        settings = Settings(data=self.folder / "data", engine=EngineSettings(encoder=self.encoder))
        with speech_runtime(settings) as speech:
            yield speech

    def transcribe(self, speech: SpeechRuntime, recording: Path) -> Iterator[tuple[float, int]]:
        """Seconds since the start and windows done, at each step of the work."""
        started = time.perf_counter()
        request = PipelineRequest(recording, speech.prepare(self.options.engine), self.options)
        for event in speech.pipeline.run(request, threading.Event()):
            if isinstance(event, Advanced) and event.windows:
                yield time.perf_counter() - started, len(event.windows)

    def whole(self, speech: SpeechRuntime, recording: Path) -> tuple[float, int]:
        started = time.perf_counter()
        windows = sum(count for _, count in self.transcribe(speech, recording))
        return time.perf_counter() - started, windows


class _Raw:
    """CTranslate2 alone, over features that are ready."""

    def __init__(self, bench: _Bench, encoder: str, workers: int, threads: int) -> None:
        import ctranslate2
        import tokenizers

        self._model = ctranslate2.models.Whisper(
            str(bench.model), device="cpu", compute_type="int8", inter_threads=workers, intra_threads=threads
        )
        tokenizer = tokenizers.Tokenizer.from_file(str(bench.model / "tokenizer.json"))
        self._prompt = Prompts(tokenizer, multilingual=True).whole([], "en", "transcribe")
        settings = Settings(data=bench.folder / "data", engine=EngineSettings(encoder=encoder))
        loaded = Loaded(self._model, bench.model, "cpu", "int8", workers, threads)
        self._encode: Encoder
        _, self._encode = choose_encoder(loaded, engine_options(settings))
        self._workers = workers

    def run(self, mels: list[Mel], batch: int) -> float:
        started = time.perf_counter()
        pieces = [mels[first : first + batch] for first in range(0, len(mels), batch)]
        with ThreadPoolExecutor(self._workers) as pool:
            list(pool.map(self._generate, pieces))
        return time.perf_counter() - started

    def _generate(self, mels: list[Mel]) -> None:
        prompts = [self._prompt] * len(mels)
        self._model.generate(
            self._encode(mels),
            prompts,
            beam_size=1,
            max_length=224,
            return_scores=True,
            return_no_speech_prob=True,
        )


def speed(bench: _Bench, minutes: float) -> None:
    """End to end against faster-whisper, and against CTranslate2 over ready-made features."""
    recording = _recording(bench.folder / "speech.wav", minutes * 60)
    windows = _windows(bench, recording)
    extract = FeatureExtraction(whispers.SIZES[bench.model.name].mels)
    mels = [extract(audio)[0] for audio in windows]
    workers, threads = split_cores(psutil.cpu_count() or 1)
    raws = {
        name: _Raw(bench, name, workers, threads)
        for name in dict.fromkeys((CTRANSLATE2, bench.encoder if bench.encoder != "auto" else ONNXRUNTIME))
    }
    theirs, best = _faster_whisper(bench, recording)
    seconds: dict[str, list[float]] = {}
    with bench.runtime() as speech:
        bench.whole(speech, _recording(bench.folder / "short.wav", 60))
        for _ in range(bench.rounds):
            seconds.setdefault("Tiro", []).append(bench.whole(speech, recording)[0])
            seconds.setdefault("faster-whisper", []).append(theirs()[0])
            for name, raw in raws.items():
                seconds.setdefault(f"raw, encoder {name}", []).append(raw.run(mels, CPU_BATCH))
        made = bench.whole(speech, recording)[1]
    say(f"{minutes:g} minutes, {_SPEECH_SHARE:.0%} speech: {made} windows in Tiro, {theirs()[1]} in")
    say(f"faster-whisper's batched pipeline ({best}). Raw generate has Tiro's {len(mels)} windows, and")
    say(f"{workers} workers with {threads} threads.")
    say()
    rows = []
    for name, values in seconds.items():
        ratios = Spread([ours / value for ours, value in zip(seconds["Tiro"], values, strict=True)])
        rows.append([name, *Spread(values).columns(1), *ratios.columns(2)])
    table(["what", "seconds", "range", "Tiro / this", "range"], rows)
    ours = seconds["Tiro"]
    own = bench.encoder == CTRANSLATE2
    same = CTRANSLATE2 if own else ONNXRUNTIME
    for name, limit in (("faster-whisper", 0.9 if own else 0.7), (f"raw, encoder {same}", 1.05)):
        ratio = Spread([one / other for one, other in zip(ours, seconds[name], strict=True)])
        target(f"Tiro / {name}", ratio.median, limit, "times", 2)


def jobs(bench: _Bench, minutes: float) -> None:
    """Two recordings at once against one after the other."""
    recording = _recording(bench.folder / "job.wav", minutes * 60)
    ratios, shares = [], []
    with bench.runtime() as speech:
        bench.whole(speech, _recording(bench.folder / "short.wav", 60))
        for _ in range(bench.rounds):
            alone = sum(bench.whole(speech, recording)[0] for _ in range(2))
            started = time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                ends = list(pool.map(lambda _: bench.whole(speech, recording)[0], range(2)))
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
            whole = bench.whole(speech, recording)[0]
            started = time.perf_counter()
            speech.hosts.transcribe(spec, request, threading.Event())
            beyond.append(1000 * (whole - (time.perf_counter() - started)))
    spread = Spread(beyond)
    least, most = spread.values[0], spread.values[-1]
    say(f"10 s clip: {spread.median:.0f} ms beyond the engine ({least:.0f} to {most:.0f}).")
    say()
    target("time beyond the engine's own", spread.median, 100, "ms")


def memory(bench: _Bench, minutes: float, short: float) -> None:
    """Peak memory of a long and of a short recording, above what raw generate needs."""
    peaks: dict[str, list[float]] = {}
    first: list[float] = []
    lengths = {"short": short, "long": minutes}
    files = {name: _recording(bench.folder / f"{name}.wav", 60 * length) for name, length in lengths.items()}
    for name, file in files.items():
        with bench.runtime() as speech, _peak() as peak:
            steps = [after for after, _ in bench.transcribe(speech, file)]
        peaks.setdefault(name, []).append(peak.get())
        first.append(steps[0])
    workers, threads = split_cores(psutil.cpu_count() or 1)
    raw_peak = _raw_peak(bench, workers, threads)
    say(
        f"Peak memory of all processes above the bench's own, MiB: {short:g} minutes {peaks['short'][0]:.0f},"
    )
    say(f"{minutes:g} minutes {peaks['long'][0]:.0f};")
    say(f"raw generate over three batches for each worker {raw_peak:.0f}.")
    say(f"The first segment came after {first[0]:.1f} s and {first[1]:.1f} s, the model not yet loaded.")
    say()
    target("above raw generate", peaks["long"][0] - raw_peak, 150, "MiB")
    target("long / short", peaks["long"][0] / peaks["short"][0], 1.10, "times", 2)


def _raw_peak(bench: _Bench, workers: int, threads: int) -> float:
    """In a process of its own, as the engine's is."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_raw_once, args=(bench, workers, threads))
    with _peak() as peak:
        process.start()
        process.join()
    return peak.get()


def _raw_once(bench: _Bench, workers: int, threads: int) -> None:
    encoder = CTRANSLATE2 if bench.encoder == CTRANSLATE2 else ONNXRUNTIME
    mel = np.zeros((whispers.SIZES[bench.model.name].mels, 3000), np.float32)
    _Raw(bench, encoder, workers, threads).run([mel] * (3 * CPU_BATCH * workers), CPU_BATCH)


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


def _faster_whisper(bench: _Bench, recording: Path) -> tuple[Callable[[], tuple[float, int]], str]:
    """A run of its batched pipeline at the best of its settings, and what they are."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    cores = psutil.cpu_count() or 1
    pipeline = BatchedInferencePipeline(
        WhisperModel(str(bench.model), device="cpu", compute_type="int8", cpu_threads=cores)
    )

    def run(batch: int, path: Path) -> tuple[float, int]:
        started = time.perf_counter()
        options: dict[str, Any] = {"beam_size": 1, "language": "en", "word_timestamps": False}
        segments, _ = pipeline.transcribe(str(path), batch_size=batch, without_timestamps=True, **options)
        count = len(list(segments))
        return time.perf_counter() - started, count

    short = _recording(bench.folder / "tune.wav", 300)
    run(8, short)
    tried = {batch: run(batch, short)[0] for batch in (4, 8, 16)}
    best = min(tried, key=lambda batch: tried[batch])
    return lambda: run(best, recording), f"{cores} threads, batches of {best}"


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.whisper", description=__doc__)
    parser.add_argument("names", nargs="*", help="speed, jobs, clip, memory; all of them by default")
    parser.add_argument("--size", choices=list(whispers.SIZES), default="base")
    parser.add_argument(
        "--minutes", type=float, default=10, help="length of the recording for speed and jobs"
    )
    parser.add_argument("--long", type=float, default=60, help="minutes of the long recording for memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", choices=["auto", CTRANSLATE2, ONNXRUNTIME], default="auto")
    asked = parser.parse_args()
    logs.configure("warning", "text")
    say(f"`python -m bench.whisper --size {asked.size}` on {machine()}")
    say(f"Weights without meaning; int8; encoder: {asked.encoder}.")
    say()
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        model = whispers.make(folder / "models" / asked.size, whispers.SIZES[asked.size])
        bench = _Bench(folder, model, asked.encoder, asked.rounds)
        work: dict[str, Callable[[], None]] = {
            "speed": lambda: speed(bench, asked.minutes),
            "jobs": lambda: jobs(bench, asked.minutes / 2),
            "clip": lambda: clip(bench),
            "memory": lambda: memory(bench, asked.long, 10),
        }
        for one in asked.names or work:
            started = time.monotonic()
            work[one]()
            say(f"({one} took {time.monotonic() - started:.0f} s; {machine().split('; ')[-1]})")
            say()


if __name__ == "__main__":
    main()
