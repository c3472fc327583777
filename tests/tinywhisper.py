"""A Whisper model for tests: small enough to be made in half a second, real enough for the real library.

Its weights are chosen so that the decoder says what a script tells it, whatever it hears: the hidden state
depends on the position only, and the output row of the token meant for a position points along that state.
It proves loading, options, word times, language detection and cancelling; it proves nothing of accuracy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 64
MELS = 80
TEXT_TOKENS = 600
WORDS = ("the", "quick", "brown", "fox", "jumps", "over")
SEGMENTS = ((0.0, "the quick brown fox", 2.0), (3.2, "jumps over", 4.0))
"""What it says in every window: start, text, end."""
TEXT = " ".join(text for _, text, _ in SEGMENTS)
BLOCK = 20
"""Frames (0.4 s) for which the encoder's output is alike, so that a look at it survives the median filter."""
LOOKS = (0, 1, 2, 3, 8, 9, 10)
"""The block that each word looks at, and the end token."""
LANGUAGE = "de"
"""What it detects where no language is asked for."""
CERTAIN = 20.0
"""How far the score of a word of the script is above that of any other token; at 0 it knows nothing."""


def script(text: str, multilingual: bool) -> dict[int, str]:
    """The token for each position of the decoder's input; position 0 is where the language is told."""
    tokens = [*(f"Ġ{word}" for word in text.split()), "<|endoftext|>"]
    # The prompt is start, language, task, no time stamps; an English-only model has the first and the last.
    first = 3 if multilingual else 1
    spoken = {first + index: token for index, token in enumerate(tokens)}
    return spoken | ({0: f"<|{LANGUAGE}|>"} if multilingual else {})


def make(
    folder: Path,
    *,
    multilingual: bool = True,
    text: str = TEXT,
    certain: float = CERTAIN,
    languages: int = 99,
    aligns: bool = True,
) -> Path:
    """Write the model into ``folder`` and return it.

    Args:
        text: what it says, out of ``WORDS``, each time shifted by the length of the prompt before the start.
        certain: see ``CERTAIN``.
        languages: how many it knows, of Whisper's.
        aligns: whether its configuration says which attention head follows the audio.
    """
    from ctranslate2.specs.whisper_spec import WhisperSpec
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    tokens, special, times = vocabulary(TEXT_TOKENS, WORDS, _LANGUAGE_CODES[:languages], multilingual)
    ids = {token: index for index, token in enumerate(tokens)}

    spec = WhisperSpec(1, 1, 1, 1)
    spoken = {place: ids[token] for place, token in script(text, multilingual).items()}
    # Words are timed in a second pass whose prompt is the same.
    fill(spec, len(tokens), spoken, first_timed=3 if multilingual else 1, certain=certain)
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in _LANGUAGE_CODES[:languages]]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0)] if aligns else None
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization=None)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    write_tokenizer(folder / "tokenizer.json", ids, special, times)
    return folder


def vocabulary(
    size: int, words: tuple[str, ...], languages: tuple[str, ...], multilingual: bool
) -> tuple[list[str], list[str], list[str]]:
    """All tokens in the order of their numbers; of these the special ones, and the time stamps.

    Args:
        size: of the tokens of text.
    """
    from tokenizers import pre_tokenizers

    text = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"Ġ{word}" for word in words)]
    text += [f"Ġw{index}" for index in range(size - 1 - len(text))]
    # CTranslate2 takes a model for multilingual by this empty entry of the vocabulary.
    text.append("" if multilingual else "Ġlast")
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nocaptions|>"]
    special.append("<|notimestamps|>")
    times = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    return text + special + times, special, times


def fill(spec: Any, vocabulary: int, spoken: dict[int, int], *, first_timed: int, certain: float) -> None:
    """Give every weight a value: zeros, but for the positions, the attention and the rows of the script.

    From position ``first_timed`` on, they look at the audio as ``LOOKS`` says.
    """
    random = np.random.default_rng(0)

    def zeros(layer: Any, outputs: int, inputs: int) -> None:
        layer.weight = np.zeros((outputs, inputs), np.float32)
        layer.bias = np.zeros(outputs, np.float32)

    def norm(layer: Any) -> None:
        layer.gamma = np.ones(WIDTH, np.float32)
        layer.beta = np.zeros(WIDTH, np.float32)

    def block(layer: Any) -> None:
        zeros(layer.self_attention.linear[0], 3 * WIDTH, WIDTH)
        zeros(layer.self_attention.linear[1], WIDTH, WIDTH)
        zeros(layer.ffn.linear_0, 4 * WIDTH, WIDTH)
        zeros(layer.ffn.linear_1, WIDTH, 4 * WIDTH)
        norm(layer.self_attention.layer_norm)
        norm(layer.ffn.layer_norm)

    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, MELS), (encoder.conv2, WIDTH)):
        convolution.weight = np.zeros((WIDTH, inputs, 3), np.float32)
        convolution.bias = np.zeros(WIDTH, np.float32)
    heard = random.standard_normal((1500 // BLOCK, WIDTH), dtype=np.float32)
    heard[LOOKS[3] : LOOKS[4]] = heard[LOOKS[3]]  # the pause behind the fourth word sounds like it
    encoder.position_encodings.encodings = np.repeat(heard, BLOCK, axis=0)
    norm(encoder.layer_norm)
    block(encoder.layer[0])

    cross = decoder.layer[0].attention
    block(decoder.layer[0])
    zeros(cross.linear[0], WIDTH, WIDTH)
    zeros(cross.linear[1], 2 * WIDTH, WIDTH)
    zeros(cross.linear[2], WIDTH, WIDTH)
    cross.linear[0].weight = 2 * np.eye(WIDTH, dtype=np.float32)
    cross.linear[1].weight = 2 * np.eye(2 * WIDTH, WIDTH, dtype=np.float32)
    norm(cross.layer_norm)
    norm(decoder.layer_norm)
    places = random.standard_normal((448, WIDTH), dtype=np.float32)
    places[first_timed : first_timed + len(LOOKS)] = heard[list(LOOKS)]
    decoder.position_encodings.encodings = places
    decoder.embeddings.weight = np.zeros((vocabulary, WIDTH), np.float32)
    normed = (places - places.mean(1, keepdims=True)) / places.std(1, keepdims=True)
    rows = np.zeros((vocabulary, WIDTH), np.float32)
    for place, token in spoken.items():
        rows[token] += normed[place] * np.float32(certain / WIDTH)
    decoder.projection.weight = rows


def write_tokenizer(file: Path, ids: dict[str, int], special: list[str], times: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    added = {*special, *times}
    vocabulary = {token: index for token, index in ids.items() if token not in added}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in times])
    tokenizer.save(str(file))
