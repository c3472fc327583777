"""The kinds of lines that are measured: what Whisper invents, and what people say that looks like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.guard import inventions, sayings
from bench.guard.streams import Maker, Stream, effort, hear, units_of
from tiro.speech.types import Quality

Make = Callable[[Maker, Stream, str], None]
"""Adds lines of a kind, which is named last, to a window."""


def _loop_in_a_line(phrases: Sequence[str], least: int, most: int) -> Make:
    def make(maker: Maker, stream: Stream, kind: str) -> None:
        chance = maker.random
        phrase = chance.choice(phrases)
        times = chance.randint(least, most)
        tight = units_of(phrase) == list(phrase) and len(phrase) > 0 and not phrase.isascii()
        said = [phrase] * times
        if chance.random() < 0.2:
            # It writes the same thing now with a capital or a full stop, now without.
            said = [chance.choice((one, one.lower(), one.rstrip(".,!?"))) for one in said]
        if chance.random() < 0.3 and " " in phrase:
            said.append(phrase.split()[0])  # the window ended in the middle of it
        start = stream.end
        text = ("" if tight else " ").join(said)
        # As long as people would take for it, or squeezed into what was left of the window.
        length = min(28.0, max(1.0, len(units_of(text)) / chance.choice((3, 4, 6, 12))))
        maker.invent(stream, kind, text, length, maker.loop_quality(), once=phrase)
        if chance.random() < 0.5:
            hear(stream, start, start + length)  # it lost its place in speech, or in music
        else:
            maker.false_alarm(stream, start, stream.end)

    return make


def _loop_over_lines(maker: Maker, stream: Stream, kind: str) -> None:
    """The same line, or two in turn, each with its own times; the first may have been said."""
    chance = maker.random
    lines = chance.sample(inventions.LOOPED, chance.choice((1, 1, 1, 2)))
    start, quality = stream.end, maker.loop_quality()
    length = chance.choice((0.6, 1.0, 2.0, 2.0, 3.0))
    for number in range(chance.randint(5, 10) * len(lines)):
        text = lines[number % len(lines)]
        maker.invent(stream, kind if number >= len(lines) else "", text.strip(), length, quality)
    if chance.random() < 0.5:
        hear(stream, start, stream.end)
    else:
        maker.false_alarm(stream, start, stream.end)


def _endless_word(maker: Maker, stream: Stream, kind: str) -> None:
    start = stream.end
    text = maker.random.choice(inventions.SYLLABLES) * maker.random.randint(25, 220)
    maker.invent(stream, kind, text.capitalize(), maker.random.uniform(2.0, 20.0), maker.loop_quality())
    maker.false_alarm(stream, start, stream.end)


def _on_noise(texts: Sequence[str]) -> Make:
    """A phrase from captions where a noise was, as long as the noise or only at its end."""

    def make(maker: Maker, stream: Stream, kind: str) -> None:
        start = stream.end
        length = maker.random.choice((0.3, 1.0, 2.0, 2.0, 5.0, 28.0))
        maker.invent(stream, kind, maker.random.choice(texts), length, maker.noise_quality())
        maker.false_alarm(stream, start, stream.end)

    return make


def _squeezed(maker: Maker, stream: Stream, kind: str) -> None:
    """A sentence or two in the last moments of a window: no speaker reaches twelve words a second."""
    chance = maker.random
    text = " ".join(chance.sample(inventions.SENTENCES, chance.choice((1, 1, 2))))
    start, length = stream.end, effort(text) / chance.uniform(12.0, 60.0)
    maker.invent(stream, kind, text, length, maker.noise_quality())
    if chance.random() < 0.5:
        hear(stream, start, start + length)


def _without_lengths(maker: Maker, stream: Stream, kind: str) -> None:
    """Alignment found no sound for most of its words: they pile up in one place."""
    chance = maker.random
    start = stream.end
    text = chance.choice([one for one in inventions.SENTENCES if len(units_of(one)) >= 5])
    maker.invent_piled(stream, kind, text, chance.uniform(1.0, 4.0), maker.noise_quality())
    hear(stream, start, start + chance.uniform(0.3, 1.5))


def _over_silence(texts: Sequence[str]) -> Make:
    """Text where nothing was heard, with speech before and behind it."""

    def make(maker: Maker, stream: Stream, kind: str) -> None:
        chance = maker.random
        maker.talk(stream)
        stream.end += chance.uniform(0.0, 0.3)
        maker.invent(stream, kind, chance.choice(texts), chance.uniform(0.5, 4.0), maker.noise_quality())
        stream.end += chance.uniform(0.0, 0.3)
        maker.talk(stream)

    return make


def _unlikely(maker: Maker, stream: Stream, kind: str) -> None:
    """No temperature gave anything likely: the last one is what came out."""
    start = stream.end
    sure = min(-1.01, maker.random.gauss(-1.35, 0.25))
    quality = Quality(sure, maker.random.betavariate(1, 6), None, 1.0)
    text = maker.random.choice((*inventions.SENTENCES, *inventions.MURMURS))
    maker.invent(stream, kind, text, maker.random.uniform(1.0, 5.0), quality)
    hear(stream, start, stream.end)


def _no_speech(maker: Maker, stream: Stream, kind: str) -> None:
    """The model itself says that there is no speech, and is not sure of the text either."""
    start = stream.end
    quality = Quality(maker.random.uniform(-2.0, -1.01), maker.random.uniform(0.61, 0.99), None, 0.0)
    text = maker.random.choice((*inventions.SENTENCES, *inventions.MURMURS, *inventions.COURTESIES))
    maker.invent(stream, kind, text, maker.random.uniform(1.0, 5.0), quality)
    hear(stream, start, stream.end)


INVENTED: dict[str, Make] = {
    "loop of a word": _loop_in_a_line(inventions.LOOPED_WORDS, 12, 200),
    "loop of a phrase": _loop_in_a_line(inventions.LOOPED, 5, 40),
    "loop over segments": _loop_over_lines,
    "endless word": _endless_word,
    "end of a video": _on_noise([text for texts in inventions.OUTROS.values() for text in texts]),
    "makers of captions": _on_noise([text for texts in inventions.CREDITS.values() for text in texts]),
    "captions nobody had listed": _on_noise(inventions.UNSEEN),
    "courtesy on noise": _on_noise(inventions.COURTESIES),
    "impossible rate": _squeezed,
    "words without length": _without_lengths,
    "sentence over silence": _over_silence(inventions.SENTENCES),
    "murmur over silence": _over_silence(inventions.MURMURS),
    "unlikely words on noise": _unlikely,
    "the model hears no speech": _no_speech,
}


def _said(texts: Sequence[str], *, short: bool = False) -> Make:
    def make(maker: Maker, stream: Stream, kind: str) -> None:
        maker.say(stream, kind, maker.random.choice(texts), short=short)

    return make


def _numbers(maker: Maker, stream: Stream, kind: str) -> None:
    chance = maker.random
    digits = [str(chance.choice((0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9))) for _ in range(chance.randint(4, 16))]
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    start = chance.randint(1, 60)
    text = chance.choice((
        " ".join(digits),
        " ".join(names[int(digit)] for digit in digits),
        ", ".join(str(number) for number in range(start, start + chance.randint(5, 25))) + ".",
        f"Call {''.join(digits[:4])} {''.join(digits[4:])}, extension {digits[0] * 3}.",
        f"{chance.choice(names)} " * chance.randint(3, 5) + "and that is all",
    ))  # fmt: skip
    maker.say(stream, kind, text.strip())


def _answers(maker: Maker, stream: Stream, kind: str) -> None:
    """One side of a call: the same answer again and again, in the pauses of the other side."""
    chance = maker.random
    usual = chance.choice(sayings.ANSWERS)
    for _ in range(chance.randint(2, 6)):
        text = usual if chance.random() < 0.8 else chance.choice(sayings.ANSWERS)
        stream.end += chance.uniform(0.3, 2.5)
        maker.say(stream, kind, text, short=True)


def _refrain(maker: Maker, stream: Stream, kind: str) -> None:
    refrain = maker.random.choice(sayings.REFRAINS)
    times = maker.random.randint(2, 3)
    if maker.random.random() < 0.3:
        maker.say(stream, kind, " ".join([*refrain] * times), pace=2.5)  # nothing tells where a line ends
        return
    for line in [*refrain] * times:
        maker.say(stream, kind, line, pace=2.5)


def _hook(maker: Maker, stream: Stream, kind: str) -> None:
    """One line of a song, two to four times."""
    line = maker.random.choice([line for refrain in sayings.REFRAINS for line in refrain])
    for _ in range(maker.random.choice((2, 3, 3, 4))):
        maker.say(stream, kind, line, pace=2.5)


def _names(maker: Maker, stream: Stream, kind: str) -> None:
    name = maker.random.choice(sayings.NAMES)
    mark = maker.random.choice((", ", "! ", "? "))
    maker.say(stream, kind, mark.join([name] * 3) + "!")


def _fast(maker: Maker, stream: Stream, kind: str) -> None:
    maker.say(stream, kind, maker.random.choice(sayings.FAST), pace=maker.random.uniform(5.0, 7.0))


SAID: dict[str, Make] = {
    "conversation": _said(sayings.CONVERSATION),
    "true repeats": _said(sayings.REPEATS),
    "names said thrice": _names,
    "lists": _said(sayings.LISTS),
    "numbers": _numbers,
    "spelled letters": _said(sayings.LETTERS),
    "one short answer": _said(sayings.ANSWERS, short=True),
    "short answers in a row": _answers,
    "refrains": _refrain,
    "one line sung again": _hook,
    "thanks that were said": _said(sayings.THANKS, short=True),
    "farewells that were said": _said(sayings.FAREWELLS),
    "fast speech": _fast,
}

_BY_FIGURES = {"unlikely words on noise", "the model hears no speech"}


def window(maker: Maker, kind: str) -> Stream:
    """A window with something of ``kind``, by itself or in a conversation."""
    if kind in _BY_FIGURES:  # which are those of all that is in the window
        stream = Stream()
        INVENTED[kind](maker, stream, kind)
        return stream
    stream = maker.window()
    {**INVENTED, **SAID}[kind](maker, stream, kind)
    maker.close(stream)
    return stream
