"""What the decoder is told before it starts, and its tokens as text."""

from __future__ import annotations

from typing import Any

from tiro.engines.base import DecodingOptions
from tiro.speech.types import Task

MOST_TOKENS = 448
"""Positions of Whisper's decoder, for the prompt and the text together."""

CONTEXT_TOKENS = MOST_TOKENS // 2 - 1
"""The most tokens of vocabulary and prompt together."""


class Prompts:
    """Thread-safe once it is made.

    Args:
        tokenizer: of the ``tokenizers`` library, the model's own.
        multilingual: whether language and task are told at all.
    """

    def __init__(self, tokenizer: Any, *, multilingual: bool) -> None:
        from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer

        self._multilingual = multilingual
        codes = [code for code in _LANGUAGE_CODES if tokenizer.token_to_id(f"<|{code}|>") is not None]
        self.languages = frozenset(codes) if multilingual else frozenset({"en"})
        self._tokenizers: dict[tuple[str, Task], Any] = {
            (language, task): Tokenizer(tokenizer, multilingual, task=task, language=language)
            for language in self.languages
            for task in ("transcribe", "translate")
        }
        plain = self._tokenizers[min(self.languages), "transcribe"]
        self.end: int = plain.eot
        self._previous: int = plain.sot_prev
        self._no_timestamps: int = plain.no_timestamps
        self._encode = plain.encode
        # Between the end token and the time stamps are those that only a prompt may have.
        specials = range(self.end + 1, self._no_timestamps + 1)
        self.suppressed: list[int] = sorted({*specials, *plain.non_speech_tokens})

    def context(self, decoding: DecodingOptions) -> list[int]:
        """Vocabulary and prompt as the text that came before; empty where there is neither.

        What is too long loses the end of the vocabulary, which is its least important part, and the start of
        the prompt, which is furthest from the audio. The vocabulary goes first in any case.
        """
        terms = ", ".join(term.strip() for term in decoding.vocabulary if term.strip())
        text = (decoding.prompt or "").strip()
        vocabulary = self._encode(f" {terms}")[:CONTEXT_TOKENS] if terms else []
        prompt = self._encode(f" {text}") if text else []
        prompt = prompt[max(0, len(prompt) - (CONTEXT_TOKENS - len(vocabulary))) :]
        return [self._previous, *vocabulary, *prompt] if vocabulary or prompt else []

    def start(self, language: str, task: Task) -> list[int]:
        """The tokens that open a text, but for the one that turns time stamps off."""
        return list(self._tokenizers[language, task].sot_sequence)

    def whole(self, context: list[int], language: str, task: Task) -> list[int]:
        """The prompt for text without time stamps: those cost much, and words are timed anyway."""
        return [*context, *self.start(language, task), self._no_timestamps]

    def text(self, tokens: list[int], language: str) -> str:
        text: str = self._tokenizers[language, "transcribe"].decode(tokens)
        return text.strip()

    def plain(self, tokens: list[int]) -> list[int]:
        """Without the special tokens, all of which come after the text's."""
        return [token for token in tokens if token < self.end]

    def words(self, tokens: list[int], language: str) -> tuple[list[str], list[int]]:
        """The words as the model spaces them, and how many tokens each has; a last one is the end token."""
        words, parts = self._tokenizers[language, "transcribe"].split_to_word_tokens([*tokens, self.end])
        return words, [len(part) for part in parts]
