"""Every option reaches the model in batches: a thin layer records what CTranslate2 is really called with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from tests import tinywhisper

from tiro.engines.base import DecodingOptions, EngineOptions, TranscribeRequest
from tiro.engines.registry import provider
from tiro.engines.whisper.engine import WhisperEngine
from tiro.errors import InvalidRequest, TiroError, UnsupportedLanguage, UnsupportedOption
from tiro.speech.types import SAMPLE_RATE, Audio, Segment

calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []


class RecordedWhisper(ctranslate2.models.Whisper):  # type: ignore[misc]
    """The real model; each call is noted before it is made."""

    def generate(self, features: Any, prompts: Any, **options: Any) -> Any:
        calls.append(("generate", (features, prompts), options))
        return super().generate(features, prompts, **options)

    def align(self, *args: Any) -> Any:
        calls.append(("align", args, {}))
        return super().align(*args)

    def detect_language(self, features: Any) -> Any:
        calls.append(("detect", (features,), {}))
        return super().detect_language(features)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tinywhisper.make(folder / "tiny")
    tinywhisper.make(folder / "tiny.en", multilingual=False)
    tinywhisper.make(folder / "base", certain=3.0)
    tinywhisper.make(folder / "small", text=" ".join(["over over the brown"] * 8))
    tinywhisper.make(folder / "medium", languages=20, aligns=False)
    return folder


@pytest.fixture(scope="module")
def engines(models: Path) -> dict[str, WhisperEngine]:
    """One of each model, called by what is odd about it."""
    names = {"plain": "tiny", "english": "tiny.en", "unsure": "base", "loop": "small", "few": "medium"}
    options = EngineOptions(models, device="cpu", compute_type="float32", threads=1, download=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctranslate2.models, "Whisper", RecordedWhisper)
        return {odd: provider("whisper").load(name, options) for odd, name in names.items()}


@pytest.fixture(autouse=True)
def _nothing_noted_yet() -> None:
    calls.clear()


def noise(seed: int, seconds: float = 4.5) -> Audio:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def batch(engine: WhisperEngine, requests: Sequence[TranscribeRequest]) -> list[list[Segment]]:
    outcomes = engine.transcribe_batch([engine.prepare(request) for request in requests])
    assert not any(isinstance(outcome, TiroError) for outcome in outcomes)
    return outcomes  # type: ignore[return-value]


def pair(engine: WhisperEngine, **more: Any) -> list[list[Segment]]:
    """Two windows in one batch with the same options."""
    options = {name: more.pop(name) for name in list(more) if name in DecodingOptions.__slots__}
    requests = [TranscribeRequest(noise(n), decoding=DecodingOptions(**options), **more) for n in (1, 2)]
    return batch(engine, requests)


def noted(name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [(args, options) for called, args, options in calls if called == name]


def prompts() -> list[list[str]]:
    """What the model was told, token by token, in the first call that decodes."""
    (_, told), _ = noted("generate")[0]
    names = tinywhisper.vocabulary(tinywhisper.TEXT_TOKENS, tinywhisper.WORDS, languages(), True)[0]
    return [[names[token] for token in prompt] for prompt in told]


def context(prompt: list[str]) -> str:
    """What the prompt says before the start, as text."""
    return "".join(prompt[1 : prompt.index(START)]).replace("Ġ", " ")


def languages(count: int = 99) -> tuple[str, ...]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return tuple(_LANGUAGE_CODES[:count])


def said(outcome: list[Segment]) -> str:
    return " ".join(segment.text for segment in outcome)


START = "<|startoftranscript|>"
PLAIN = [START, "<|de|>", "<|transcribe|>", "<|notimestamps|>"]


def test_without_options_the_model_is_told_the_language_it_detects(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["plain"])
    assert [said(outcome) for outcome in outcomes] == [tinywhisper.TEXT] * 2
    assert prompts() == [PLAIN, PLAIN]
    [(_, options)] = noted("generate")
    assert len(noted("detect")) == 1
    assert len(noted("align")) == 1
    # What only a prompt may hold is never said: 600 is the end, 707 the first time stamp.
    assert set(range(601, 707)) <= set(options["suppress_tokens"])
    assert not {600, 707} & set(options["suppress_tokens"])


def test_the_language_asked_for_reaches_the_model(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["plain"], language="hi")
    assert prompts() == [[START, "<|hi|>", "<|transcribe|>", "<|notimestamps|>"]] * 2
    assert noted("detect") == []
    assert outcomes[0][0].language == "hi"


def test_languages_may_differ_in_a_batch(engines: dict[str, WhisperEngine]) -> None:
    requests = [
        TranscribeRequest(noise(1), "fr"),
        TranscribeRequest(noise(2)),
        TranscribeRequest(noise(3), "en"),
    ]
    outcomes = batch(engines["plain"], requests)
    assert [prompt[1] for prompt in prompts()] == ["<|fr|>", "<|de|>", "<|en|>"]
    assert [outcome[0].language for outcome in outcomes] == ["fr", "de", "en"]
    assert [said(outcome) for outcome in outcomes] == [tinywhisper.TEXT] * 3
    # Words are timed for each language by itself, for its start is part of what they are timed with.
    assert len(noted("align")) == 3


@pytest.mark.parametrize(("language", "told"), [("hi", "<|hi|>"), (None, "<|de|>")])
def test_translating_reaches_the_model(
    engines: dict[str, WhisperEngine], language: str | None, told: str
) -> None:
    pair(engines["plain"], language=language, task="translate")
    assert prompts() == [[START, told, "<|translate|>", "<|notimestamps|>"]] * 2


def test_vocabulary_and_prompt_reach_the_model(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["plain"], vocabulary=("fox", "over"), prompt="the quick")
    for prompt in prompts():
        assert prompt[0] == "<|startofprev|>"
        assert context(prompt) == " fox, over the quick"
        assert prompt[prompt.index(START) :] == PLAIN
    # This model says its words by position, so a prompt before the start leaves none of them.
    assert said(outcomes[0]) != tinywhisper.TEXT


def test_a_long_vocabulary_loses_its_end_and_a_long_prompt_its_start(
    engines: dict[str, WhisperEngine],
) -> None:
    pair(engines["plain"], vocabulary=("fox", *["over"] * 20), prompt=" ".join(["brown"] * 50) + " jumps")
    text = context(prompts()[0])
    assert len(text) == 223  # this tokenizer has a token for each letter
    assert text.startswith(" fox, over, over")
    assert text.count("over") == 20
    assert text.endswith(" brown jumps")
    calls.clear()
    pair(engines["plain"], vocabulary=("fox", *["over"] * 100), prompt="jumps")
    text = context(prompts()[0])
    assert len(text) == 223
    assert text.startswith(" fox, over, over")
    assert "jumps" not in text


def test_windows_with_prompts_of_different_length_do_not_share_a_batch(
    engines: dict[str, WhisperEngine],
) -> None:
    engine = engines["plain"]

    def key(**more: Any) -> Any:
        return engine.prepare(TranscribeRequest(noise(1), decoding=DecodingOptions(**more))).key

    assert key() == key()
    assert key(prompt="the fox") == key(prompt="fox the")
    different = [key(), key(prompt="the"), key(prompt="the fox"), key(beam=1), key(word_times=False)]
    assert len({*different, key(temperatures=(0.0,))}) == 6
    translated = engine.prepare(TranscribeRequest(noise(1), "de", "translate")).key
    assert translated != key()
    assert engine.prepare(TranscribeRequest(noise(1), "de")).key == key()


@pytest.mark.parametrize("beam", [1, 3])
def test_the_beam_reaches_the_model(engines: dict[str, WhisperEngine], beam: int) -> None:
    pair(engines["plain"], beam=beam)
    [(_, options)] = noted("generate")
    assert options["beam_size"] == beam


def test_word_times_can_be_left_out(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["plain"], word_times=False)
    assert noted("align") == []
    [segment] = outcomes[0]
    assert (segment.start, segment.end, segment.words) == (0.0, 4.5, ())
    assert segment.text == tinywhisper.TEXT


def test_words_have_times_and_probabilities(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["plain"])
    for outcome in outcomes:
        assert [(s.start, s.end, s.text) for s in outcome] == [
            (start, end, text) for start, text, end in tinywhisper.SEGMENTS
        ]
        assert all(word.confidence and word.confidence > 0.9 for s in outcome for word in s.words)


# --- quality and temperatures -----------------------------------------------------------------------


def test_what_the_model_is_unsure_of_is_decoded_again_at_each_temperature(
    engines: dict[str, WhisperEngine],
) -> None:
    outcomes = pair(engines["unsure"], temperatures=(0.0, 0.5), beam=1)
    first, *again = noted("generate")
    assert "return_logits_vocab" not in first[1]
    assert again
    assert all(options["return_logits_vocab"] for _, options in again)
    # Both failed, and were decoded again together.
    assert len(again[0][0][1]) == 2
    for outcome in outcomes:
        quality = outcome[0].quality
        assert quality is not None
        assert quality.temperature == 0.5
        assert quality.avg_logprob is not None
        assert quality.avg_logprob < -1


def test_a_single_temperature_means_a_single_try(engines: dict[str, WhisperEngine]) -> None:
    pair(engines["unsure"], temperatures=(0.0,))
    assert len(noted("generate")) == 1


def test_drawn_texts_depend_on_the_window_alone(engines: dict[str, WhisperEngine]) -> None:
    engine = engines["unsure"]
    drawn = DecodingOptions(temperatures=(1.0,))
    requests = [TranscribeRequest(noise(n), "en", decoding=drawn) for n in range(5)]
    alone = [said(batch(engine, [request])[0]) for request in requests]
    assert [said(outcome) for outcome in batch(engine, requests)] == alone
    assert [said(outcome) for outcome in batch(engine, requests[::-1])] == alone[::-1]
    assert len(set(alone)) == 5


def test_the_temperature_changes_what_is_drawn(engines: dict[str, WhisperEngine]) -> None:
    texts = {said(pair(engines["unsure"], language="en", temperatures=(t,))[0]) for t in (0.0, 1.0)}
    assert len(texts) == 2


def test_a_loop_is_decoded_again_and_its_quality_tells(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["loop"], temperatures=(0.0, 0.2))
    assert len(noted("generate")) > 1
    quality = outcomes[0][0].quality
    assert quality is not None
    assert quality.compression_ratio is not None
    assert quality.compression_ratio > 2.4
    assert quality.temperature == 0.2


def test_what_passes_is_left_alone_while_its_neighbour_is_decoded_again(
    engines: dict[str, WhisperEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tiro.engines.whisper.decoding as decoding

    text, seen = decoding.Decoded.passes.fget, []

    def first_fails(self: decoding.Decoded) -> bool:
        seen.append(self)
        assert text is not None
        return len(seen) > 1 and text(self)

    monkeypatch.setattr(decoding.Decoded, "passes", property(first_fails))
    outcomes = pair(engines["plain"])
    assert [len(told) for (_, told), _ in noted("generate")] == [2, 1]
    assert [said(outcome) for outcome in outcomes] == [tinywhisper.TEXT] * 2
    assert [outcome[0].quality.temperature for outcome in outcomes if outcome[0].quality] == [0.2, 0.0]


# --- requests that are odd --------------------------------------------------------------------------


def test_a_cancelled_window_costs_its_neighbours_nothing(engines: dict[str, WhisperEngine]) -> None:
    stop = threading.Event()
    stop.set()
    given_up = TranscribeRequest(noise(1), stop=stop)
    outcomes = batch(engines["plain"], [given_up, TranscribeRequest(noise(2)), given_up])
    assert [said(outcome) for outcome in outcomes] == ["", tinywhisper.TEXT, ""]
    # It is not even encoded.
    (features, told), _ = noted("generate")[0]
    assert len(told) == features.shape[0] == 1


def test_nothing_is_decoded_for_nobody(engines: dict[str, WhisperEngine]) -> None:
    stop = threading.Event()
    prepared = engines["plain"].prepare(TranscribeRequest(noise(1), stop=stop))
    stop.set()
    assert engines["plain"].transcribe_batch([prepared]) == [[]]
    assert calls == []


def test_empty_audio_shares_a_batch(engines: dict[str, WhisperEngine]) -> None:
    empty = TranscribeRequest(np.zeros(0, np.float32))
    outcomes = batch(engines["plain"], [empty, TranscribeRequest(noise(2))])
    assert [said(outcome) for outcome in outcomes] == ["", tinywhisper.TEXT]


def test_an_english_model_is_told_no_language(engines: dict[str, WhisperEngine]) -> None:
    [outcome, _] = pair(engines["english"], prompt="the")
    (_, told), _ = noted("generate")[0]
    assert len(told[0]) == 1 + len(" the") + 2  # what came before; the start, no time stamps
    assert outcome[0].language == "en"
    with pytest.raises(UnsupportedOption):
        pair(engines["english"], task="translate")


def test_a_model_says_which_languages_it_knows(engines: dict[str, WhisperEngine]) -> None:
    assert engines["few"].capabilities.languages == set(languages(20))
    with pytest.raises(UnsupportedLanguage, match="yo"):
        pair(engines["few"], language="yo")


def test_a_model_that_cannot_time_words_still_transcribes(engines: dict[str, WhisperEngine]) -> None:
    outcomes = pair(engines["few"])
    assert noted("align") == []
    assert [said(outcome) for outcome in outcomes] == [tinywhisper.TEXT] * 2


@pytest.mark.parametrize("odd", [{"beam": 0}, {"temperatures": ()}, {"temperatures": (1.5,)}])
def test_impossible_options_are_refused(engines: dict[str, WhisperEngine], odd: dict[str, Any]) -> None:
    request = TranscribeRequest(noise(1), decoding=replace(DecodingOptions(), **odd))
    with pytest.raises(InvalidRequest):
        engines["plain"].prepare(request)
