"""Captions: well formed whatever the text and the times are."""

from __future__ import annotations

import csv
import io
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiro.speech.captions import FORMATS, LINE_WIDTH, srt, tsv, txt, vtt
from tiro.speech.types import Segment, Word

LONG = (
    "He began a confused complaint against the wizard, who had vanished behind the curtain on the left, "
    "and the horizon seemed extremely distant to all who were there, or nearly all."
)


def say(text: str, start: float = 0.0, end: float = 1.0, speaker: str | None = None) -> Segment:
    return Segment(start, end, text, speaker=speaker)


def spoken(text: str, start: float, pace: float, speaker: str | None = None) -> Segment:
    parts = text.split()
    words = tuple(
        Word(start + place * pace, start + (place + 1) * pace, part) for place, part in enumerate(parts)
    )
    return Segment(start, start + len(parts) * pace, text, words, speaker=speaker)


def srt_cues(text: str) -> list[tuple[str, str, list[str]]]:
    """Start, end and lines of each cue, read the way players do: blocks apart by empty lines."""
    cues = []
    for number, block in enumerate(filter(None, text.split("\n\n")), 1):
        head, times, *lines = block.strip("\n").split("\n")
        assert head == str(number)
        match = re.fullmatch(r"(\d\d+:\d\d:\d\d,\d{3}) --> (\d\d+:\d\d:\d\d,\d{3})", times)
        assert match, times
        cues.append((match[1], match[2], lines))
    return cues


def seconds(time: str) -> float:
    hours, minutes, rest = time.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_an_empty_transcript_is_valid_in_every_format() -> None:
    assert {name: entry.render([]) for name, entry in FORMATS.items()} == {
        "txt": "",
        "srt": "",
        "vtt": "WEBVTT\n",
        "tsv": "start\tend\tspeaker\ttext\n",
    }


def test_the_table_of_formats_is_complete() -> None:
    assert {(entry.extension, entry.media_type) for entry in FORMATS.values()} == {
        ("txt", "text/plain"),
        ("srt", "application/x-subrip"),
        ("vtt", "text/vtt"),
        ("tsv", "text/tab-separated-values"),
    }


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.0, 1.0, "00:00:00,000 --> 00:00:01,000"),
        (59.9996, 61.0004, "00:01:00,000 --> 00:01:01,000"),
        (3599.9999, 3600.5, "01:00:00,000 --> 01:00:00,500"),
        (359999.9996, 360001.25, "100:00:00,000 --> 100:00:01,250"),
        (1.0004, 1.0001, "00:00:01,000 --> 00:00:01,001"),
        (5.0, 4.0, "00:00:05,000 --> 00:00:05,001"),
        (-0.2, 0.3, "00:00:00,000 --> 00:00:00,300"),
    ],
)
def test_times(start: float, end: float, expected: str) -> None:
    assert expected in srt([say("x", start, end)])
    assert expected.replace(",", ".") in vtt([say("x", start, end)])


def test_srt_names_the_speaker() -> None:
    assert srt([say("Hello.", 0, 1, "left"), say("Yes?", 1, 2, "right")]) == (
        "1\n00:00:00,000 --> 00:00:01,000\nleft: Hello.\n\n2\n00:00:01,000 --> 00:00:02,000\nright: Yes?\n"
    )


def test_vtt_escapes_and_tags() -> None:
    text = vtt([say("a < b && c > d --> e", 0, 1, "l<e>ft\n&")])
    assert text == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"
        "<v l&lt;e&gt;ft &amp;>a &lt; b &amp;&amp; c &gt; d --&gt; e\n"
    )


@pytest.mark.parametrize(
    "text", ["a --> b", "a ---> b", "a ----->b", "x\n\n2\n00:00:00,000 --> 00:00:09,000\nevil"]
)
def test_text_cannot_make_a_cue(text: str) -> None:
    rendered = srt([say(text)])
    assert rendered.count("-->") == 1
    assert len(srt_cues(rendered)) == 1
    assert vtt([say(text)]).count("-->") == 1


@given(
    st.lists(
        st.tuples(
            st.text(max_size=200), st.floats(0, 1e6), st.floats(0, 1e6), st.none() | st.text(max_size=9)
        ),
        max_size=5,
    )
)
def test_whatever_is_said_the_files_stay_whole(
    items: list[tuple[str, float, float, str | None]],
) -> None:
    segments = [Segment(start, end, text, speaker=speaker) for text, start, end, speaker in items]
    for start, end, lines in srt_cues(srt(segments)):
        assert seconds(end) > seconds(start)
        assert 1 <= len(lines) <= 2
    body = vtt(segments)
    assert body.startswith("WEBVTT\n")
    assert all(" --> " in block for block in filter(None, body.split("\n\n")[1:]))
    rows = tsv(segments).split("\n")
    assert len(rows) == len(segments) + 2
    assert all(row.count("\t") == 3 for row in rows[:-1])
    txt(segments)


@pytest.mark.parametrize("speaker", [None, "left"])
def test_long_segments_are_split_by_the_times_of_their_words(speaker: str | None) -> None:
    cues = srt_cues(srt([spoken(LONG, 10.0, 0.5, speaker)]))
    assert len(cues) >= 2
    assert all(len(lines) <= 2 and all(len(line) <= LINE_WIDTH for line in lines) for *_, lines in cues)
    said = " ".join(line for *_, lines in cues for line in lines)
    assert said.replace("left: ", "") == LONG
    for (_, end, _), (start, _, _) in itertools.pairwise(cues):
        assert seconds(end) <= seconds(start)
    first = " ".join(cues[0][2]).replace("left: ", "")
    assert seconds(cues[0][1]) == 10.0 + 0.5 * len(first.split())
    assert len(" ".join(cues[-1][2]).split()) > 2, "a word or two left over for the last cue"


def test_long_segments_without_words_are_split_by_length() -> None:
    cues = srt_cues(srt([say(LONG, 0.0, 20.0)]))
    assert len(cues) >= 2
    assert seconds(cues[-1][1]) == 20.0
    assert " ".join(line for *_, lines in cues for line in lines) == LONG


def test_scripts_without_spaces_are_wrapped_by_width() -> None:
    text = "彼は混乱した不満を魔法使いに述べ始めたが魔法使いはすでに左の幕の後ろに消えていた" * 3
    cues = srt_cues(srt([say(text, 0, 30)]))
    assert all(len(line) * 2 <= LINE_WIDTH for *_, lines in cues for line in lines)
    assert "".join(line for *_, lines in cues for line in lines) == text


def test_a_word_longer_than_a_line_is_broken() -> None:
    cues = srt_cues(srt([say("a" * 200, 0, 4)]))
    assert all(len(line) <= LINE_WIDTH for *_, lines in cues for line in lines)
    assert "".join(line for *_, lines in cues for line in lines) == "a" * 200


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", ' =cmd|" /c"', "\uff1d1", '"=1"'])
def test_no_cell_is_a_formula(text: str) -> None:
    (row,) = list(csv.DictReader(io.StringIO(tsv([say(text, speaker=text)])), delimiter="\t"))
    assert row["text"].startswith("'")
    assert row["speaker"].startswith("'")


def test_tsv_escapes_what_would_break_a_row() -> None:
    assert tsv([say("a\tb\nc\\d\re", 1.0004, 2.5)]).split("\n")[1] == "1000\t2500\t\ta\\tb\\nc\\\\d\\re"


def test_txt_joins_the_segments_of_a_turn() -> None:
    turns = [
        say("Hello,", 0, 1, "left"),
        say("how are you?", 5, 6, "left"),
        say("Fine.", 6, 7, "right"),
        say("", 7, 7, "left"),
        say("And you?", 7, 8, "right"),
    ]
    assert txt(turns) == "left: Hello, how are you?\n\nright: Fine. And you?\n"


def test_txt_without_speakers_begins_anew_after_a_pause() -> None:
    assert txt([say("One.", 0, 1), say("Two.", 1.5, 2), say("Three.", 4.5, 5)]) == "One. Two.\n\nThree.\n"


def test_txt_puts_no_space_where_the_script_has_none() -> None:
    assert txt([say("はい。", 0, 1), say("そうです。", 1, 2)]) == "はい。そうです。\n"
