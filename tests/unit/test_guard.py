"""The guard: invented lines go, said ones stay, and each drop says why."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from bench.guard import measure
from bench.guard.kinds import INVENTED as INVENTED_KINDS
from bench.guard.kinds import SAID as SAID_KINDS

from tiro.speech.guard import RULES, Guard, GuardOutcome
from tiro.speech.phrases import COURTESIES_BY_LANGUAGE, OPENINGS_BY_LANGUAGE, STOCK_BY_LANGUAGE
from tiro.speech.repetition import compression_ratio, find_loops
from tiro.speech.types import Quality, Segment, Span, Word

GOOD = Quality(avg_logprob=-0.25, no_speech_prob=0.02, compression_ratio=1.4, temperature=0.0)
NOISE = Quality(avg_logprob=-1.2, no_speech_prob=0.85, compression_ratio=1.1, temperature=0.0)
DOUBT = Quality(avg_logprob=-0.85, no_speech_prob=0.5, compression_ratio=1.0, temperature=0.0)
LAST = Quality(avg_logprob=-1.15, no_speech_prob=0.1, compression_ratio=1.2, temperature=1.0)


def said(
    text: str,
    quality: Quality | None = GOOD,
    *,
    start: float = 0.0,
    length: float | None = None,
    timed: bool = True,
) -> Segment:
    """A segment at an easy pace, with words unless ``timed`` is false."""
    parts = text.split()
    length = (
        max(0.4, 0.35 * len(parts), 0.15 * len(text) if len(parts) < 2 else 0) if length is None else length
    )
    pace = length / max(1, len(parts))
    words = tuple(
        Word(start + place * pace, start + (place + 1) * pace, part) for place, part in enumerate(parts)
    )
    return Segment(start, start + length, text, words if timed else (), quality=quality)


def check(
    *segments: Segment, spans: Sequence[Span] | None = None, rules: frozenset[str] | None = None
) -> GuardOutcome:
    if spans is None:
        spans = [Span(segment.start, segment.end) for segment in segments]
    return Guard(rules).check(segments, spans)


SILENT: list[Span] = []
LITTLE = [Span(0.0, 0.2)]

# Invented: text, quality, the speech heard under it (None: as long as the segment).
INVENTED: list[tuple[Segment, Sequence[Span] | None]] = [
    *((said(text, NOISE), None) for text in ("Hello?", "I am going to go.", "That is all.", "Mm.", "Music")),
    *((said(text, LAST), None) for text in ("Or the sea of that in it.", "Bra the mal un of", "Ja wat dom")),
    *((said(phrases[0], DOUBT), None) for phrases in STOCK_BY_LANGUAGE.values()),
    *((said(f"{phrases[0]} XY", DOUBT), None) for phrases in OPENINGS_BY_LANGUAGE.values()),
    *((said(phrases[-1], None), LITTLE) for phrases in STOCK_BY_LANGUAGE.values()),
    *((said(phrases[0], NOISE), None) for phrases in COURTESIES_BY_LANGUAGE.values()),
    (said("Thank you.", None), SILENT),
    (said("Thanks for watching! Bye.", DOUBT), None),
    (said("Thank you. Thanks for watching!", NOISE), None),
    (said("Subtitles by the Amara.org community", None), LITTLE),
    (said("and then we went to the station and there we met the others", length=0.3), None),
    (said("one two three four five six seven eight nine ten eleven", None), LITTLE),
    (said("これはとても長い文章で一秒ではとても言えないほどの言葉がここにあります", length=0.8), None),
    (said("What is it you want to say about this?", None), SILENT),
    *((said(" ".join([phrase] * 12), quality), None) for phrase in (
        "I'm sorry.", "the", "and that is what I think", "Das ist gut,", "ありがとう ", "बहुत अच्छा", "la la",
    ) for quality in (GOOD, None)),
    (said("ご視聴ください" * 12, GOOD, timed=False, length=20), None),
    (said("ha" * 60, GOOD, length=20), None),
]  # fmt: skip

TALK = """
Good morning, you have reached the help desk, how can I help you?
Hello, my printer does not print any more.
Which model is it, and what does the display say?
It says paper jam, but there is no paper in it.
Could you open the cover at the back for me, please?
Yes, one moment.
All right, I have opened it.
Do you see a small lever, on the left?
No, no, no, the other left.
Yes yes yes, now I see it.
Thank you for calling.
Thank you so much for your help today.
And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country.
He was not an ill disposed young man, unless to be rather cold hearted is to be ill disposed.
My number is zero zero four four, two zero, seven nine four six, zero zero zero zero.
The code is 0 0 0 0 0 0 7.
It is very, very, very cold outside.
I know, I know, I know, you told me.
We will, we will rock you, they sang, and we will, we will do it again.
Row, row, row your boat, gently down the stream.
Nein, nein, das ist schon in Ordnung.
Können Sie mir bitte die Kundennummer sagen?
Guten Tag, hier spricht Frau Schneider aus der Buchhaltung.
Ich habe den Untertitel von gestern nicht gelesen.
Bonjour, je voudrais prendre un rendez-vous pour jeudi.
Merci beaucoup, à jeudi alors.
Buenos días, ¿en qué puedo ayudarle?
Muchas gracias por su paciencia, señora.
Buongiorno, vorrei parlare con il signor Rossi.
Obrigado, até amanhã então.
Спасибо, я перезвоню завтра утром.
Да, да, да, я понимаю.
आप कैसे हैं, मैं ठीक हूँ, धन्यवाद.
कृपया अपना नाम और पता बताइए.
مرحبا، كيف يمكنني مساعدتك؟
Dzień dobry, chciałbym zamówić dwie kawy.
The video was nice, thanks for watching it with me.
Please subscribe me to the newsletter about gardening.
I'll see you in the next meeting, on Tuesday at nine.
The subtitles by the way were quite bad in that film.
Did you like the like button and subscribe to it?
Uh-huh.
Mm-hmm, right.
Okay, okay.
Ha ha ha, that is a good one.
Bye bye, have a nice day.
Wait, wait, wait, wait, I am not ready yet.
A B C D E F G, that is how the song begins.
One, two, three, four, five, six, seven, eight, nine, ten.
The more I see, the more I know, the more I know, the less I understand.
""".strip().splitlines()

UNSPACED = [
    "もしもし、田中です。",
    "はい、はい、はい、わかりました。",
    "ありがとうございました。",
    "明日の会議は何時からですか。",
    "你好，请问您是哪位？",
    "对对对，就是这样。",
    "谢谢，再见。",
    "我们明天下午三点见面吧。",
    "สวัสดีครับ ผมชื่อสมชาย",
]
PLAIN_STOCK = [
    "Thanks for watching!",
    "Thank you.",
    "Bye.",
    "See you next time.",
    "Vielen Dank.",
    "ご視聴ありがとうございました",
]
BENIGN: list[tuple[Segment, Sequence[Span] | None]] = [
    *((said(text, quality), None) for text in TALK for quality in (GOOD, None)),
    *((said(text, GOOD, timed=False, length=0.16 * len(text) + 0.3), None) for text in UNSPACED),
    # Said indeed: there is speech under it, and the engine is sure.
    *((said(text, quality), None) for text in PLAIN_STOCK for quality in (GOOD, None)),
    # An engine in doubt, in several ways, of which none is enough.
    (said("I could not say for sure.", Quality(-1.2, 0.3, 1.2, 0.4)), None),
    (said("It was quiet there.", Quality(-0.5, 0.8, 1.2, 0.0)), None),
    (said("Thank you.", Quality(-0.8, 0.3, 0.9, 0.0)), None),
    # Fast speakers, and times that are somewhat off.
    (said("I don't know", GOOD, length=0.35), None),
    (said("what are you going to do about it now then", GOOD, length=1.4), None),
    (said("quick brown foxes jump", GOOD), [Span(1.6, 2.4)]),
]


def taken(segment: Segment, spans: Sequence[Span] | None) -> bool:
    """Whether the line is gone, or for a loop all but its first round."""
    outcome = check(segment, spans=spans)
    assert all(drop.evidence and drop.rule in RULES for drop in outcome.drops)
    return bool(outcome.drops) and sum(len(kept.text) for kept in outcome.segments) <= len(segment.text) / 4


def test_a_stream_of_invented_and_said_lines(capsys: pytest.CaptureFixture[str]) -> None:
    missed = [segment.text for segment, spans in INVENTED if not taken(segment, spans)]
    lost = [segment.text for segment, spans in BENIGN if check(segment, spans=spans).segments != (segment,)]
    with capsys.disabled():
        print(
            f"\nguard: {len(INVENTED) - len(missed)} of {len(INVENTED)} invented lines caught, "
            f"{len(lost)} of {len(BENIGN)} said ones lost"
        )
    assert len(INVENTED) >= 40
    assert len(BENIGN) >= 100
    assert len(missed) <= 0.05 * len(INVENTED), missed
    assert len(lost) <= 0.01 * len(BENIGN), lost


def test_a_whole_conversation_in_one_window_stays() -> None:
    starts = itertools.accumulate((len(text.split()) * 0.35 + 0.5 for text in TALK), initial=0.0)
    segments = [said(text, start=start) for start, text in zip(starts, TALK, strict=False)]
    outcome = check(*segments)
    assert list(outcome.segments) == segments
    assert outcome.drops == ()


EXAMPLES: dict[str, tuple[Segment, Sequence[Span] | None]] = {
    "no_speech": (said("Hello?", NOISE), None),
    "low_confidence": (said("Or the sea of it.", LAST), None),
    "repetition": (said(" ".join(["I'm sorry."] * 8)), None),
    "stock_phrase": (said("Thanks for watching!", DOUBT), None),
    "impossible_rate": (said("and then we went to the station and there they were", length=0.2), None),
}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_works_alone_and_can_be_left_out(rule: str) -> None:
    segment, spans = EXAMPLES[rule]
    (drop,) = check(segment, spans=spans, rules=frozenset({rule})).drops
    assert drop.rule == rule
    assert drop.evidence
    assert check(segment, spans=spans, rules=RULES - {rule}).drops == ()
    assert check(segment, spans=spans, rules=frozenset()).segments == (segment,)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="magic"):
        Guard(frozenset({"magic"}))


def test_nothing_in_nothing_out() -> None:
    assert Guard().check([]) == GuardOutcome((), ())
    assert Guard().check([said("Hello there.")]).drops == ()


@pytest.mark.parametrize("timed", [True, False])
def test_a_loop_is_said_once_and_what_is_around_it_stays(timed: bool) -> None:
    text = "So I told him " + "I am sorry, " * 6 + "and then he left."
    (segment,) = check(said(text, timed=timed, length=12)).segments
    assert segment.text == "So I told him I am sorry, and then he left."
    assert (segment.start, segment.end) == (0, 12)
    if timed:
        assert [word.text for word in segment.words] == segment.text.split()


def test_what_a_loop_loses_is_recorded() -> None:
    (drop,) = check(said("I am sorry. " * 6, length=9)).drops
    assert (drop.rule, drop.evidence, drop.text) == (
        "repetition",
        "said 6 times in a row",
        ("I am sorry. " * 5).strip(),
    )
    assert (drop.start, drop.end) == (pytest.approx(1.5), pytest.approx(9))


@pytest.mark.parametrize(
    "text", ["No, no, no.", "I know, I know, I know.", "no no no no no", "0 0 0 0 0 0 0 0"]
)
def test_true_repeats_stay(text: str) -> None:
    assert check(said(text)).drops == ()


def test_a_loop_across_segments_is_said_once() -> None:
    segments = [said("I see what you mean.", start=3.0 * place) for place in range(6)]
    outcome = check(*segments)
    assert outcome.segments == (segments[0],)
    assert [drop.start for drop in outcome.drops] == [3.0, 6.0, 9.0, 12.0, 15.0]
    assert "segment by segment" in outcome.drops[0].evidence


def test_a_loop_of_two_segments_is_said_once() -> None:
    segments = [
        said(("Who is there?", "It is me again.")[place % 2], start=3.0 * place) for place in range(9)
    ]
    assert check(*segments).segments == tuple(segments[:2])


def test_three_answers_alike_stay() -> None:
    segments = [said("Yes, I do.", start=3.0 * place) for place in range(3)]
    assert check(*segments).segments == tuple(segments)


def test_a_window_with_more_words_than_speech_loses_the_unsupported_ones() -> None:
    real = said("Good morning, how can I help you today?", start=0.0)
    others = [said(f"It is nice to number {place}", start=5.0 + 3 * place) for place in range(6)]
    outcome = check(real, *others, spans=[Span(0.0, 3.0)])
    assert outcome.segments == (real,)
    assert {drop.rule for drop in outcome.drops} == {"impossible_rate"}


def test_words_without_length_are_invented() -> None:
    words = (*(Word(1.0, 1.0, part) for part in ("so", "we", "go")), Word(1.0, 1.5, "on"))
    (drop,) = check(Segment(1.0, 3.0, "so we go on", words)).drops
    assert drop.evidence == "3 of 4 words have no length"
    one = Segment(1.0, 3.0, "so we go", (Word(1, 1, "so"), Word(1, 2, "we"), Word(2, 3, "go")))
    assert check(one).segments == (one,)


def test_stock_phrases_stay_where_the_sound_carries_them() -> None:
    assert check(said("Thanks for watching!", GOOD)).drops == ()
    assert check(said("Thanks for watching!", None)).drops == ()
    assert Guard().check([said("Thanks for watching!", None)]).drops == ()
    (drop,) = check(said("Thanks for watching!", None), spans=[Span(0.0, 0.1)]).drops
    assert drop.evidence == "a stock phrase with weak support: 0.1 s of speech under it where it takes 0.8 s"


@pytest.mark.parametrize(
    "text", ["देखिए यह बात बिल्कुल सही है और हम सब इसे मानते हैं, लेकिन समय बहुत कम है और काम अभी बाकी है"]
)
def test_scripts_of_many_bytes_are_no_loop(text: str) -> None:
    ratio = compression_ratio(text)
    assert ratio is not None
    assert ratio < 2
    assert check(said(text, GOOD)).drops == ()


def test_loops_are_found_where_they_are() -> None:
    loops = find_loops(["a", "b", "c", "x", "y", "x", "y", "x", "y", "x", "y", "x", "d"])
    assert [(loop.low, loop.high, loop.times) for loop in loops] == [(5, 12, 4)]
    assert find_loops(["a", "b", "a", "b", "a", "b"]) == []
    assert find_loops(["", "", "", "", "", "", "", ""]) == []


def test_the_same_window_has_the_same_outcome_each_time() -> None:
    guard = Guard()
    segments = [segment for segment, _ in INVENTED]
    assert guard.check(segments) == guard.check(segments)


def test_whoever_counts_is_no_loop() -> None:
    tens = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy")
    units = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    counted = " ".join(f"{ten} {unit}" for ten in tens for unit in units)
    segment = Segment(0.0, 30.0, counted)
    assert Guard().check([segment]).segments == (segment,)


def test_a_song_and_the_talk_around_it_stay() -> None:
    """Its text compresses as well as a loop does."""
    refrain = ("Light up the lanterns tonight,", "hold them up high, hold them tight.", "Tonight, tonight,")
    lines = ["Shall we sing it once more?", *refrain * 3, "That was nice."]
    segments = [said(text, start=2.5 * place) for place, text in enumerate(lines)]
    assert check(*segments, spans=[Span(0.0, 2.5 * len(lines))]).drops == ()
    assert check(said(" ".join(refrain * 3))).drops == ()
    hook = [said("Run, river, run,", start=2.0 * place) for place in range(4)]
    assert check(*hook, spans=[Span(0.0, 8.0)]).drops == ()


def test_answers_in_the_pauses_of_another_stay() -> None:
    """One side of a call says the same each time; said on end, the same would be a loop."""
    apart = [said("Mm-hmm.", start=3.0 * place, length=0.5) for place in range(8)]
    assert check(*apart).drops == ()
    on_end = [said("Mm-hmm.", start=0.5 * place, length=0.5) for place in range(8)]
    assert {drop.rule for drop in check(*on_end, spans=[Span(0.0, 4.0)]).drops} == {"repetition"}


@pytest.mark.parametrize("text", ["Yeah.", "That is what I think."])
def test_text_over_silence_goes_though_others_speak_beside_it(text: str) -> None:
    before = said("Good morning, how can I help you?", start=0.0, length=2.5)
    beside = said(text, GOOD, start=2.6, length=2.0)
    behind = said("It is about my order.", start=4.7, length=1.8)
    spans = [Span(0.0, 2.6), Span(4.6, 6.5)]
    outcome = check(before, beside, behind, spans=spans)
    assert outcome.segments == (before, behind)
    heard = [Span(0.0, 6.5)]
    assert check(before, beside, behind, spans=heard).drops == ()


def test_a_loop_that_changes_a_little_goes() -> None:
    texts = [
        f"and I think that is what we have to do {word}"
        for word in ["now", "then", "here", "soon", "too", "again"]
    ]
    looped = [f"{text} today" for text in texts] + [f"{text} at last" for text in texts]
    segments = [said(text, start=4.0 * place) for place, text in enumerate(looped)]
    outcome = check(*segments)
    assert outcome.segments[0] == segments[0]
    assert len(outcome.segments) <= 3
    assert {drop.rule for drop in outcome.drops} == {"repetition"}


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching, I'll see you all in the next one!",
        "Danke fürs Zuschauen und bis zum nächsten Mal.",
        "最後までご視聴いただきありがとうございました",
        "由 Amara.org 社群提供的字幕",
    ],
)
def test_captions_are_known_however_they_are_put(text: str) -> None:
    """A noise of five seconds, a little of which may have been speech."""
    noise = said(text, None, length=5.0)
    assert [drop.rule for drop in check(noise, spans=[Span(2.0, 2.6)]).drops] == ["stock_phrase"]
    assert check(noise, spans=[Span(0.0, 5.0)]).drops == ()


def test_the_measured_shares_hold() -> None:
    """A small part of ``python -m bench guard``."""
    score = measure(seed=7, windows=25)
    assert score.mean(INVENTED_KINDS) >= 94
    assert score.mean(SAID_KINDS) <= 1.5
