"""Real speech through the whole pipeline: every clip transcribes; word errors are printed, not judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jiwer
import pytest
from tests.conftest import make_settings
from tests.corpus import AUDIO, needs_audio
from tests.makecall import SAMPLE

from tiro.offline import Transcriber
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import Transcript

pytestmark = needs_audio


def _manifest() -> list[dict[str, Any]]:
    path = AUDIO / "manifest.json"
    return json.loads(path.read_text()) if path.exists() else []


def _clips(*, read: bool) -> list[Any]:
    chosen = [clip for clip in _manifest() if ("text" in clip) is read]
    return [
        pytest.param(clip, id=clip["file"], marks=[pytest.mark.slow] if clip["file"] in LONG else [])
        for clip in chosen
    ]


SAMPLE_CLIP = "the sample call"
LONG = {"jfk.flac", "libri_6930.flac", "austen_0870.wav", "austen_0890.wav", "stereo_call.wav", SAMPLE_CLIP}
"""Read speech that PocketSphinx takes longest for; there is enough without."""


class Heard:
    """Transcripts of clips by their names: read speech by PocketSphinx, the rest by echo."""

    def __init__(self, running: Transcriber, pool: ThreadPoolExecutor) -> None:
        self._running, self._pool = running, pool
        self._work: dict[str, tuple[Path | bytes, str]] = {SAMPLE_CLIP: (SAMPLE.read_bytes(), "pocketsphinx")}
        for clip in _manifest():
            listen = "text" in clip or "left" in clip
            self._work[clip["file"]] = (AUDIO / clip["file"], "pocketsphinx" if listen else "echo")
        self._begun = {name: self._begin(name) for name in self._work if name not in LONG}

    def _begin(self, name: str) -> Future[Transcript]:
        source, engine = self._work[name]
        return self._pool.submit(self._running.transcribe, source, options=TranscriptionOptions(engine))

    def __getitem__(self, name: str) -> Transcript:
        if name not in self._begun:
            self._begun[name] = self._begin(name)
        return self._begun[name].result()


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    """Two at a time, from now on."""
    with (
        Transcriber(make_settings(tmp_path_factory.mktemp("data"))) as running,
        ThreadPoolExecutor(2) as pool,
    ):
        yield Heard(running, pool)


def _words(text: str) -> str:
    return jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip()])(text)


def word_error(reference: str, heard: str) -> float:
    return float(jiwer.wer(_words(reference), _words(heard)))


@pytest.mark.parametrize("clip", _clips(read=True))
def test_read_speech_and_its_word_error(heard: Heard, clip: dict[str, Any]) -> None:
    transcript = heard[clip["file"]]
    text = transcript.text.replace("\n", " ")
    print(f"{clip['file']}: WER {word_error(clip['text'], text):.0%}  '{text}'")
    assert transcript.segments
    assert transcript.language == "en"
    assert {notice.code for notice in transcript.notices} == {"fallback_engine"}
    _sound(transcript.segments, transcript.duration)


@pytest.mark.parametrize("clip", _clips(read=False))
def test_every_other_clip_goes_through(heard: Heard, clip: dict[str, Any]) -> None:
    transcript = heard[clip["file"]]
    assert transcript.duration > 0
    if clip.get("speech") is False:
        assert not transcript.segments, "the gate lets no noise through"
    else:
        assert transcript.segments
    _sound(transcript.segments, transcript.duration)


@pytest.mark.slow
def test_the_stereo_call_has_two_speakers(heard: Heard) -> None:
    clip = next(clip for clip in _manifest() if clip["file"] == "stereo_call.wav")
    transcript = heard["stereo_call.wav"]
    assert transcript.layout.mode == "split"
    for side in ("left", "right"):
        text = _side(transcript.segments, side)
        print(f"{side}: WER {word_error(clip[side], text):.0%}  '{text}'")
        assert text
    assert word_error(clip["left"], _side(transcript.segments, "left")) < 0.5


@pytest.mark.slow
def test_the_sample_call_is_almost_word_for_word(heard: Heard) -> None:
    transcript = heard[SAMPLE_CLIP]
    script = Path(str(SAMPLE)).with_suffix(".txt").read_text().splitlines()
    for side in ("left", "right"):
        said = " ".join(line.partition(": ")[2] for line in script if line.startswith(side))
        error = word_error(said, _side(transcript.segments, side))
        print(f"{side}: WER {error:.0%}")
        assert error < 0.1
    turns = [segment.speaker for segment in transcript.segments]
    assert turns == [line.partition(":")[0] for line in script if line]


def _side(segments: Any, side: str) -> str:
    return " ".join(segment.text for segment in segments if segment.speaker == side)


def _sound(segments: Any, duration: float) -> None:
    """Times are inside the recording and in order, for each speaker without overlap."""
    assert [s.start for s in segments] == sorted(s.start for s in segments)
    ends: dict[str | None, float] = {}
    for segment in segments:
        assert 0 <= segment.start < segment.end <= duration + 0.05
        assert segment.start >= ends.get(segment.speaker, 0.0) - 1e-6
        ends[segment.speaker] = segment.end
        for word in segment.words:
            assert segment.start - 1e-6 <= word.start <= word.end <= segment.end + 1e-6
