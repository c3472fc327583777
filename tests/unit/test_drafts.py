"""An edit reads only the segments that it needs, and makes of them what it would make of the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tiro.errors import InvalidRequest
from tiro.features.editing.changes import Change, Delete, Insert, Merge, Rename, Replace, Speaker, Split, Text
from tiro.features.editing.draft import Draft, needed
from tiro.features.transcripts.service import Difference, StoredTranscript
from tiro.speech.types import Segment

_SAID = ("good morning", "how are you", "fine thanks", "good to hear")
_WHOLE = StoredTranscript(
    job_id="1",
    version=1,
    first_version=1,
    numbered={
        number: Segment(4.0 * number, 4.0 * number + 3, text, speaker=("left", "right")[number % 2])
        for number, text in enumerate(_SAID)
    },
    speakers={},
    metadata={},
    next_position=len(_SAID),
)

_TEXT = Text(op="text", segment=1, text="how is it")
_SPLIT = Split(op="split", segment=2, at=5)
_NEW = Text(op="text", segment=4, text="many thanks")
_SPEAKER = Speaker(op="speaker", segments=[0, 3], speaker="right")
_DELETE = Delete(op="delete", segments=[1, 2])
_INSERT = Insert(op="insert", start_time=1, end_time=2, text="hm")
_MERGE = Merge(op="merge", first=1, second=2)
_RENAME = Rename(op="rename", speaker="right", name="Anna")
_EVERYWHERE = Replace(op="replace", find="good", replace="bad")
_HERE = Replace(op="replace", find="good", replace="bad", segments=[3])


def _made(changes: list[Change], known: set[int] | None) -> Difference | str:
    numbered = {number: said for number, said in _WHOLE.numbered.items() if known is None or number in known}
    draft = Draft(replace(_WHOLE, numbered=numbered))
    try:
        for change in changes:
            draft.apply(change)
    except InvalidRequest as error:
        return str(error)
    return draft.difference


@pytest.mark.parametrize(
    "changes",
    [
        [_TEXT],
        [_SPLIT, _NEW],
        [_SPEAKER],
        [_DELETE],
        [_INSERT],
        [_MERGE],
        [Merge(op="merge", first=0, second=2)],
        [_RENAME],
        [_TEXT, _RENAME],
        [_EVERYWHERE],
        [_HERE],
        [_HERE, _DELETE, _INSERT],
        [Text(op="text", segment=9, text="nobody")],
    ],
)
def test_what_is_needed_is_enough(changes: list[Change]) -> None:
    assert _made(changes, needed(changes)) == _made(changes, None)


def test_an_edit_of_a_few_segments_needs_no_others() -> None:
    assert needed([_TEXT, _SPEAKER, _HERE]) == {0, 1, 3}
    assert needed([_INSERT]) == set()
