"""Drawing tokens at a temperature so that a window's text depends on nothing but the window.

CTranslate2 draws from one generator per thread that is seeded once, when the thread first draws: what a
window gets would depend on all that the thread did before, and on its companions in the batch. So tokens are
drawn here. The model says the most likely text and, for each of its steps, the distribution. Along that text
one token after another is drawn; as long as the draw is the likely token itself nothing has to be computed.
Where it is another one, the model goes on from there. This is plain sampling, at the price of one more pass
for each departure. After ``DEPARTURES`` of them the text goes on with what is most likely.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tiro.engines.whisper.prompts import MOST_TOKENS
from tiro.speech.types import Audio

DEPARTURES = 4
"""How often a text may leave the most likely path: enough to get out of a loop, and a bound on the work."""

Logits = npt.NDArray[np.float32]


def seed_of(audio: Audio) -> int:
    """The same for the same samples, wherever and whenever they are decoded."""
    return zlib.crc32(np.ascontiguousarray(audio).view(np.uint8).data)


class Draw:
    """One window's text on its way at one temperature, above 0.

    Attributes:
        forced: tokens that are settled; the next pass of the model goes on behind them.
        tokens: the text once it is complete.
        avg_logprob: mean log-probability of the tokens, the end included, at temperature 1.
    """

    def __init__(self, seed: int, temperature: float, end: int) -> None:
        self._temperature = temperature
        self._end = end
        self._numbers = np.random.default_rng([seed, round(1000 * temperature)]).random(MOST_TOKENS)
        self._left = DEPARTURES
        self.forced: list[int] = []
        self.tokens: list[int] = []
        self.avg_logprob = 0.0

    @property
    def last_pass(self) -> bool:
        """Whether the next pass is taken as it is."""
        return self._left == 0

    def follow(self, tokens: list[int], logits: Sequence[Any]) -> bool:
        """Draw along the most likely text behind ``forced``; True once the text is complete.

        Args:
            tokens: ``forced`` and what is most likely after it.
            logits: an array over the vocabulary for each step of that, the end included if it was reached.
        """
        likely = [*tokens, self._end]
        total = 0.0
        for step, array in enumerate(logits):
            scores = np.asarray(array, dtype=np.float32)
            token = likely[step]
            if step >= len(self.forced) and self._left:
                token = self._drawn(scores, step)
            total += log_probability(scores, token)
            if token == likely[step]:
                continue
            self._left -= 1
            self.forced = [*tokens[:step], token]
            if token != self._end:
                return False
            self.tokens, self.avg_logprob = tokens[:step], total / (step + 1)
            return True
        self.tokens, self.avg_logprob = tokens, total / max(1, len(logits))
        return True

    def _drawn(self, scores: Logits, step: int) -> int:
        # Suppressed tokens have the least float32 there is, so anything less precise would overflow.
        # What comes behind the end token in the vocabulary is no text.
        shifted = scores[: self._end + 1].astype(np.float64) - scores.max()
        weights = np.cumsum(np.exp(shifted / self._temperature))
        return int(np.searchsorted(weights, self._numbers[step] * weights[-1], side="right"))


def log_probability(scores: Logits, token: int) -> float:
    shifted = scores.astype(np.float64) - scores.max()
    return float(shifted[token] - np.log(np.exp(shifted).sum()))
