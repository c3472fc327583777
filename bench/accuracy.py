"""Word errors on clips with a reference, and words made of noise, for the engines that are here.

Needs a folder of recordings with a `manifest.json`: a list of objects with `file` and one of `text` (what is
said), `left` and `right` (what is said on each side of a call), `stm` (a file with timed lines), or
`"speech": false` (nobody speaks). Only entries in English count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jiwer
import numpy as np

from bench.english import normalise
from tiro.bootstrap.speech import SpeechRuntime, engine_options, speech_runtime
from tiro.engines import catalogue
from tiro.engines.base import TranscribeRequest
from tiro.engines.registry import EngineSpec
from tiro.engines.survey import survey
from tiro.errors import TiroError
from tiro.offline import Transcriber
from tiro.settings import EngineSettings, Settings
from tiro.speech.channels import mixdown
from tiro.speech.guard import Guard
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import SAMPLE_RATE, Audio, Segment

DOUBTED = {"spk2_snt5.wav": "jump the fence and hurry up the bank"}
"""Clips whose manifest names other words than are to be heard, with what is to be heard."""


@dataclass(frozen=True)
class Clip:
    """One stretch of speech with its reference; ``side`` is the speaker's label in a call of two channels."""

    file: Path
    reference: str
    side: str | None = None

    @property
    def name(self) -> str:
        return self.file.name + (f" {self.side}" if self.side else "")

    @property
    def doubted(self) -> bool:
        return self.file.name in DOUBTED


@dataclass(frozen=True)
class Errors:
    words: int
    substituted: int
    deleted: int
    inserted: int

    @property
    def rate(self) -> float:
        return (self.substituted + self.deleted + self.inserted) / self.words

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.words + other.words,
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
        )

    def cells(self) -> list[str]:
        counts = [str(count) for count in (self.words, self.substituted, self.deleted, self.inserted)]
        return [*counts, f"{self.inserted / self.words:.1%}", f"{self.rate:.1%}"]


def count_errors(reference: str, heard: str) -> Errors:
    """Compare word for word after normalising both."""
    found = jiwer.process_words(normalise(reference), normalise(heard))
    words = found.hits + found.substitutions + found.deletions
    return Errors(words, found.substitutions, found.deletions, found.insertions)


def clips_of(folder: Path, manifest: Sequence[dict[str, Any]]) -> Iterator[Clip]:
    """The clips that have a reference in English."""
    for entry in manifest:
        file = folder / entry["file"]
        if entry.get("language") != "en":
            continue
        if "text" in entry:
            yield Clip(file, entry["text"])
        elif "stm" in entry:
            lines = (folder / entry["stm"]).read_text(encoding="utf-8").splitlines()
            # file, channel, speaker, start, end, words
            yield Clip(file, " ".join(line.split(maxsplit=5)[5] for line in lines if line.strip()))
        for side in ("left", "right"):
            if side in entry:
                yield Clip(file, entry[side], side)


# --- speech ---------------------------------------------------------------------------------------------


def measure_speech(transcriber: Transcriber, engine: str, clips: Sequence[Clip], label: str) -> None:
    """Print a line a clip and the sums, with and without the clips whose reference is doubted."""
    rows: list[list[str]] = []
    notes: list[str] = []
    sure: list[Errors] = []
    doubted: list[Errors] = []
    heard: dict[Path, tuple[Segment, ...]] = {}
    for clip in clips:
        if clip.file not in heard:
            heard[clip.file] = transcriber.transcribe(
                clip.file, options=TranscriptionOptions(engine, "en")
            ).segments
        text = " ".join(s.text for s in heard[clip.file] if clip.side is None or s.speaker == clip.side)
        errors = count_errors(clip.reference, text)
        (doubted if clip.doubted else sure).append(errors)
        rows.append([clip.name + (" *" if clip.doubted else ""), *errors.cells()])
        if clip.doubted:
            audible = DOUBTED[clip.file.name]
            notes.append(
                f"\\* {clip.name}: the manifest says '{clip.reference}'; to be heard is '{audible}'. "
                f"{label} heard '{text}': against that {count_errors(audible, text).rate:.1%}."
            )
    rows.append(["all", *sum([*sure, *doubted], Errors(0, 0, 0, 0)).cells()])
    if sure and doubted:
        rows.append(["all without *", *sum(sure, Errors(0, 0, 0, 0)).cells()])
    print_table([label, "words", "wrong", "missing", "inserted", "insertions", "WER"], rows)
    for note in notes:
        say(note)
    if notes:
        say()


# --- noise ----------------------------------------------------------------------------------------------


def measure_noise(
    transcriber: Transcriber, runtime: SpeechRuntime, engine: str, files: Sequence[Path], label: str
) -> list[list[str]]:
    """Words a minute that the engine makes of clips in which nobody speaks, a row for each way and in all.

    Without the gate the whole clip goes to the engine, cut only where its longest window ends.
    """
    seconds = 0.0
    ways = {"gate and guard": 0, "guard alone": 0, "neither": 0}
    for file in files:
        ways["gate and guard"] += _words(
            transcriber.transcribe(file, options=TranscriptionOptions(engine)).segments
        )
        audio = decoded(runtime, file)
        seconds += len(audio) / SAMPLE_RATE
        for segments in ungated(runtime, engine, audio):
            ways["neither"] += _words(segments)
            ways["guard alone"] += _words(Guard().check(segments).segments)
    return [
        [f"{label}, {way}", str(words), f"{seconds:.1f}", f"{words * 60 / seconds:.1f}"]
        for way, words in ways.items()
    ]


def decoded(runtime: SpeechRuntime, file: Path) -> Audio:
    with (
        file.open("rb") as source,
        runtime.decoders.open(source, keep_stereo=False, stop=threading.Event()) as media,
    ):
        return np.concatenate([mixdown(block) for block in media])


def ungated(runtime: SpeechRuntime, engine: str, audio: Audio) -> Iterator[list[Segment]]:
    spec = EngineSpec.parse(engine)
    step = int(runtime.hosts.capabilities(spec).max_window * SAMPLE_RATE)
    for first in range(0, len(audio), step):
        yield runtime.hosts.transcribe(spec, TranscribeRequest(audio[first : first + step]))


def _words(segments: Sequence[Segment]) -> int:
    return sum(len(normalise(segment.text).split()) for segment in segments)


# --- the run ----------------------------------------------------------------------------------------------


def engines_here(settings: Settings) -> list[str]:
    """PocketSphinx and every Whisper model that is on this machine. A remote engine has to be named."""
    ready = [
        name for name, entry in survey(engine_options(settings), settings.engine.model).items() if entry.ready
    ]
    models = [f"whisper:{model.name}" for model in catalogue.present(settings.models_folder)]
    return [*models, *(["pocketsphinx"] if "pocketsphinx" in ready else [])]


def runs_of(
    engines: Sequence[str], encoders: Sequence[str], settings: Settings
) -> Iterator[tuple[Settings, list[tuple[str, str]]]]:
    """For each of ``encoders`` its settings, and the engines to measure with them, each with its label.

    Without any, all engines run once, as the settings say. Engines other than Whisper have no choice of
    encoder: they run with the first.
    """
    if not encoders:
        yield settings, [(engine, engine) for engine in engines]
        return
    for place, encoder in enumerate(dict.fromkeys(encoders)):
        chosen = settings.engine.model_copy(update={"encoder": encoder})
        yield (
            settings.model_copy(update={"engine": chosen}),
            [
                (engine, f"{engine}, encoder {encoder}" if is_whisper(engine) else engine)
                for engine in engines
                if is_whisper(engine) or place == 0
            ],
        )


def is_whisper(engine: str) -> bool:
    """Whether it is, or may turn out to be."""
    return engine.partition(":")[0] in ("whisper", "auto")


def say(line: str = "") -> None:
    print(line, flush=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table that Markdown understands: text to the left, figures to the right."""
    widths = [max(len(row[place]) for row in [headings, *rows]) for place in range(len(headings))]
    for row in (headings, None, *rows):
        if row is None:
            cells = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        else:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        say(f"| {' | '.join(cells)} |")
    say()


def main() -> None:
    nearby = Path(
        os.environ.get("TIRO_TEST_AUDIO") or Path(__file__).parents[1] / "../shared/audio"
    ).resolve()
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument(
        "--audio", type=Path, default=nearby, metavar="FOLDER", help="recordings and manifest"
    )
    parser.add_argument(
        "--engine", action="append", metavar="NAME", help="may be repeated; default: all here"
    )
    parser.add_argument(
        "--encoder",
        action="append",
        choices=get_args(EngineSettings.model_fields["encoder"].annotation),
        help="what runs Whisper's encoder; may be repeated, to compare; default: as the settings say",
    )
    chosen = parser.parse_args()
    try:
        manifest = json.loads((chosen.audio / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        sys.exit(f"No manifest of recordings could be read: {err}. Name their folder with --audio.")
    settings = Settings()
    clips = list(clips_of(chosen.audio, manifest))
    noise = [chosen.audio / entry["file"] for entry in manifest if entry.get("speech") is False]
    engines = chosen.engine or engines_here(settings)
    say("## accuracy")
    say()
    say(f"`python -m bench.accuracy` on {len(clips)} references and {len(noise)} clips of noise;")
    say(f"jiwer, both sides normalised by `bench/english.py`; Python {platform.python_version()}.")
    say()
    rows: list[list[str]] = []
    for configured, measured in runs_of(engines, chosen.encoder or (), settings):
        with Transcriber(configured) as transcriber, speech_runtime(configured) as runtime:
            for engine, label in measured:
                try:
                    measure_speech(transcriber, engine, clips, label)
                    rows += measure_noise(transcriber, runtime, engine, noise, label) if noise else []
                except TiroError as err:
                    say(f"{label}: {err.message}")
                    say()
    if rows:
        print_table(["noise", "words", "seconds", "words a minute"], rows)


if __name__ == "__main__":
    main()
