"""Edits of transcripts: versions, conflicts, history and undo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.db.tables import TranscriptTable
from tiro.features.recordings.schemas import SessionResult
from tiro.features.transcripts.service import TranscriptService
from tiro.speech.types import Segment, Word

DOOR = "/api/v1/transcribe"
SPEECH = wav(seconds=1)
LINES = (("left", "good morning how are you"), ("right", "fine thanks and you"), ("left", "i am fine"))


@dataclass
class Desk:
    """Two people who may edit what the first one owns."""

    server: ThreadServer
    owner: Client
    friend: Client

    def recording(self) -> str:
        """A recording whose transcript has ``LINES``, four seconds each."""
        answer = self.owner.send_file("call.wav", SPEECH, wait=30)
        session_id = str(answer.json()["session_id"])
        with self.server.runtime.database.write() as session:
            transcripts = TranscriptService()
            current = transcripts.current(session, session_id)
            assert current is not None
            transcripts.forget(session, current.job_id)
            said = [_said(place * 4.0, *line) for place, line in enumerate(LINES)]
            transcripts.append(session, current.job_id, 0, said)
            session.get_one(TranscriptTable, current.job_id).next_position = len(said)
        shared = self.owner.post(f"{DOOR}/{session_id}/shares", json={"user": "fred", "role": "editor"})
        assert shared.status_code == 201
        return session_id

    def edit(self, session_id: str, *changes: dict[str, Any], version: int = 1, status: int = 200) -> Any:
        body = {"version": version, "changes": list(changes)}
        answer = self.owner.patch(f"{DOOR}/{session_id}/transcript", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def undo(self, session_id: str, version: int, status: int = 200) -> Any:
        answer = self.owner.post(f"{DOOR}/{session_id}/edits/{version}/undo")
        assert answer.status_code == status, answer.text
        return answer.json()

    def segments(self, session_id: str) -> list[dict[str, Any]]:
        return list(self.owner.session(session_id)["transcript"]["segments"])

    def texts(self, session_id: str) -> list[tuple[int, str | None, str]]:
        return [(one["id"], one["speaker"], one["text"]) for one in self.segments(session_id)]

    def export(self, session_id: str, extension: str) -> str:
        answer = self.owner.get(f"{DOOR}/{session_id}/transcript.{extension}")
        assert answer.status_code == 200
        return answer.text


def _said(start: float, speaker: str, text: str) -> Segment:
    words = text.split()
    step = 4.0 / len(words)
    timed = tuple(
        Word(start + place * step, start + (place + 1) * step, word, 0.8) for place, word in enumerate(words)
    )
    return Segment(start, start + 4.0, text, timed, 0.8, speaker, "en")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("data")
    with thread_server(make_settings(data)) as server, ExitStack() as stack:
        runtime = server.runtime
        runtime.users.create("fred")
        clients = [
            stack.enter_context(Client(server.address, runtime.keys.create("key", name)[1]))
            for name in ("owner", "fred")
        ]
        yield Desk(server, *clients)
    assert_sound(data)


@pytest.fixture
def call(desk: Desk) -> str:
    return desk.recording()


def test_a_corrected_text_keeps_the_times_of_its_words_and_goes_into_every_export(
    desk: Desk, call: str
) -> None:
    before = desk.segments(call)
    made = desk.edit(call, {"op": "text", "segment": 0, "text": "Good evening, how are you?"})
    assert made["version"] == desk.owner.session(call)["transcript"]["version"] == 2
    (changed,) = made["segments"]
    assert changed == desk.segments(call)[0]
    assert [word["text"] for word in changed["words"]] == ["Good", "evening,", "how", "are", "you?"]
    old = before[0]["words"]
    assert [(word["start_time"], word["end_time"]) for word in changed["words"]] == [
        (word["start_time"], word["end_time"]) for word in old
    ]
    assert [word["confidence"] for word in changed["words"]] == [0.8, None, 0.8, 0.8, 0.8]
    assert desk.segments(call)[1:] == before[1:]
    for extension in ("txt", "srt", "vtt", "tsv", "json"):
        exported = desk.export(call, extension)
        assert "evening" in exported
        assert "morning" not in exported


def test_a_speaker_is_renamed_everywhere_and_segments_are_given_to_another(desk: Desk, call: str) -> None:
    made = desk.edit(
        call,
        {"op": "rename", "speaker": "left", "name": "Anna"},
        {"op": "speaker", "segments": [2], "speaker": "the boss"},
    )
    assert made["speakers"] == {"left": "Anna"}
    assert [speaker for _, speaker, _ in desk.texts(call)] == ["left", "right", "the boss"]
    exported = json.loads(desk.export(call, "json"))["transcript"]["segments"]
    assert [segment["speaker"] for segment in exported] == ["Anna", "right", "the boss"]
    assert "Anna" in desk.export(call, "vtt")
    assert desk.edit(call, {"op": "rename", "speaker": "left", "name": None}, version=2)["speakers"] == {}


def test_segments_are_split_merged_deleted_and_put_in(desk: Desk, call: str) -> None:
    made = desk.edit(call, {"op": "split", "segment": 0, "at": 12})
    assert [(one["id"], one["text"]) for one in made["segments"]] == [(0, "good morning"), (3, "how are you")]
    assert [number for number, _, _ in desk.texts(call)] == [0, 3, 1, 2]
    assert made["segments"][0]["end_time"] == made["segments"][1]["start_time"] == 1.6
    made = desk.edit(call, {"op": "merge", "first": 3, "second": 1}, version=2)
    assert made["removed"] == [1]
    assert made["segments"][0]["text"] == "how are you fine thanks and you"
    inserted = {"op": "insert", "start_time": 7.5, "end_time": 8, "text": "(laughs)", "speaker": "right"}
    made = desk.edit(call, {"op": "delete", "segments": [2]}, inserted, version=3)
    assert [one[::2] for one in desk.texts(call)] == [
        (0, "good morning"),
        (3, "how are you fine thanks and you"),
        (4, "(laughs)"),
    ]


def test_find_and_replace_takes_whole_words_of_any_case(desk: Desk, call: str) -> None:
    made = desk.edit(call, {"op": "replace", "find": "FINE", "replace": "well"})
    assert [one["id"] for one in made["segments"]] == [1, 2]
    assert [text for _, _, text in desk.texts(call)][1:] == ["well thanks and you", "i am well"]
    nothing = desk.edit(call, {"op": "replace", "find": "hank", "replace": "x"}, version=2)
    assert (nothing["version"], nothing["segments"]) == (2, [])
    desk.edit(call, {"op": "replace", "find": "an", "replace": "AN", "whole_words": False}, version=2)
    assert desk.texts(call)[1][2] == "well thANks ANd you"
    nothing = desk.edit(call, {"op": "replace", "find": ".", "replace": "x", "whole_words": False}, version=3)
    assert nothing["segments"] == []


def test_what_finds_its_segments_itself_reads_no_others(
    desk: Desk, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transcript of hours has thousands. Of what several changes do, all is read."""
    read: list[int] = []
    numbered = TranscriptService.numbered

    def counted(*given: Any) -> dict[int, Segment]:
        found = numbered(*given)
        read.append(len(found))
        return found

    monkeypatch.setattr(TranscriptService, "numbered", counted)

    def edit(*changes: dict[str, Any], version: int, status: int = 200) -> Any:
        read.clear()
        answer = desk.edit(call, *changes, version=version, status=status)
        return answer, max(read)

    named = {"op": "rename", "speaker": "left", "name": "Anna"}
    assert edit(named, version=1)[1] == 1
    made, count = edit({"op": "replace", "find": "MORNING", "replace": "evening"}, version=2)
    assert ([one["id"] for one in made["segments"]], count) == ([0], 1)
    inserted = {"op": "insert", "start_time": 2, "end_time": 3, "text": "hm", "speaker": "right"}
    edit(inserted, version=3)
    # In time it lies between the two that were neighbours; its number is the greatest.
    _, count = edit({"op": "merge", "first": 0, "second": 1}, version=4, status=422)
    assert count == 3
    made, count = edit({"op": "merge", "first": 0, "second": 3}, version=4)
    assert (made["segments"][0]["text"], count) == ("good evening how are you hm", 2)
    _, count = edit({"op": "merge", "first": 2, "second": 0}, version=5, status=422)
    assert count == 2
    # Each depends on what those before it did.
    given = {"op": "speaker", "segments": [1], "speaker": "left"}
    lost = {"op": "rename", "speaker": "right", "name": "Bea"}
    assert edit(given, lost, version=5, status=422)[1] == 3


def test_changes_are_made_all_or_none(desk: Desk, call: str) -> None:
    before = desk.texts(call)
    refused = desk.edit(
        call, {"op": "delete", "segments": [0]}, {"op": "text", "segment": 99, "text": "x"}, status=422
    )
    assert "no segment 99" in refused["detail"]
    assert desk.texts(call) == before
    assert desk.owner.get(f"{DOOR}/{call}/edits").json()["items"] == []


def test_two_people_edit_different_segments_and_neither_is_told_off(desk: Desk, call: str) -> None:
    desk.edit(call, {"op": "text", "segment": 0, "text": "hello"})
    body = {"version": 1, "changes": [{"op": "text", "segment": 1, "text": "well thanks"}]}
    assert desk.friend.patch(f"{DOOR}/{call}/transcript", json=body).json()["version"] == 3
    assert [text for _, _, text in desk.texts(call)][:2] == ["hello", "well thanks"]
    by = [item["by"] for item in desk.owner.get(f"{DOOR}/{call}/edits").json()["items"]]
    assert by == ["fred", "owner"]


def test_two_people_edit_one_segment_and_the_second_sees_both_texts(desk: Desk, call: str) -> None:
    desk.edit(call, {"op": "text", "segment": 0, "text": "mine"})
    body = {"version": 1, "changes": [{"op": "text", "segment": 0, "text": "his"}]}
    answer = desk.friend.patch(f"{DOOR}/{call}/transcript", json=body)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["version"]) == ("edit_conflict", 2)
    assert problem["conflicts"] == [{"segment": 0, "yours": "his", "theirs": "mine"}]
    assert desk.texts(call)[0][2] == "mine"
    assert desk.friend.patch(f"{DOOR}/{call}/transcript", json=body | {"version": 2}).status_code == 200


def test_an_edit_is_undone_and_done_again(desk: Desk, call: str) -> None:
    original = desk.segments(call)
    desk.edit(
        call,
        {"op": "split", "segment": 0, "at": 12},
        {"op": "rename", "speaker": "right", "name": "Ben"},
        {"op": "delete", "segments": [2]},
    )
    edited = desk.owner.session(call)["transcript"]
    undone = desk.undo(call, 2)
    assert (undone["version"], undone["removed"], undone["speakers"]) == (3, [3], {})
    assert desk.segments(call) == original
    desk.undo(call, 3)
    assert desk.owner.session(call)["transcript"] == edited | {"version": 4}
    entries = desk.owner.get(f"{DOOR}/{call}/edits").json()["items"]
    assert [(entry["version"], entry["undoes"]) for entry in entries] == [(4, 3), (3, 2), (2, None)]
    assert entries[1]["names"] == [{"speaker": "right", "before": "Ben", "after": None}]


def test_what_was_changed_again_is_not_undone(desk: Desk, call: str) -> None:
    desk.edit(call, {"op": "text", "segment": 0, "text": "first"})
    desk.edit(call, {"op": "text", "segment": 0, "text": "second"}, version=2)
    problem = desk.undo(call, 2, status=409)
    assert problem["conflicts"] == [
        {"segment": 0, "yours": "good morning how are you", "theirs": "second"},
    ]
    desk.undo(call, 3)
    desk.undo(call, 2, status=200)
    assert desk.texts(call)[0][2] == "good morning how are you"


def test_no_number_is_given_twice(desk: Desk, call: str) -> None:
    """Else an undo would bring a segment back in the place of another."""
    desk.edit(call, {"op": "split", "segment": 0, "at": 12})
    desk.undo(call, 2)
    made = desk.edit(call, {"op": "split", "segment": 2, "at": 4}, version=3)
    assert [one["id"] for one in made["segments"]] == [2, 4]


def test_the_history_comes_in_pages(desk: Desk, call: str) -> None:
    for version in range(1, 4):
        desk.edit(call, {"op": "text", "segment": 0, "text": f"text {version}"}, version=version)
    page = desk.owner.get(f"{DOOR}/{call}/edits", params={"limit": 2}).json()
    assert [entry["version"] for entry in page["items"]] == [4, 3]
    assert page["items"][0]["segments"][0]["before"]["text"] == "text 2"
    rest = desk.owner.get(f"{DOOR}/{call}/edits", params={"limit": 2, "before": page["next"]}).json()
    assert ([entry["version"] for entry in rest["items"]], rest["next"]) == ([2], None)


@pytest.mark.parametrize(
    "change",
    [
        {"op": "text", "segment": 0, "text": " \n "},
        {"op": "split", "segment": 0, "at": 1000},
        {"op": "merge", "first": 0, "second": 2},
        {"op": "merge", "first": 1, "second": 0},
        {"op": "insert", "start_time": 3, "end_time": 3, "text": "x"},
        {"op": "rename", "speaker": "nobody", "name": "x"},
        {"op": "delete", "segments": [7]},
        {"op": "sing"},
        {"op": "text", "segment": -1, "text": "x"},
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, call: str, change: dict[str, Any]) -> None:
    problem = desk.edit(call, change, status=422)
    assert problem["code"] == "invalid_request"
    assert "changes" in problem["detail"]


def test_there_is_nothing_to_edit_before_the_end(desk: Desk) -> None:
    queued = desk.owner.send_file("call.wav", SPEECH, engine="echo:60").json()["session_id"]
    try:
        problem = desk.edit(queued, {"op": "delete", "segments": [0]}, status=409)
        assert problem["code"] == "conflict"
    finally:
        desk.owner.post(f"{DOOR}/{queued}/cancel")
        desk.owner.until_ended(queued)


def test_an_edit_of_the_transcript_before_another_run_changes_nothing(desk: Desk, call: str) -> None:
    """Its numbers mean other segments."""
    desk.edit(call, {"op": "text", "segment": 0, "text": "x"})
    assert desk.owner.post(f"{DOOR}/{call}/retry").status_code == 202
    transcript = desk.owner.until_ended(call)["transcript"]
    assert transcript["version"] == 3
    for version in (1, 2, 4):
        desk.edit(call, {"op": "text", "segment": 0, "text": "x"}, version=version, status=409)
    assert desk.owner.session(call)["transcript"] == transcript
    desk.edit(call, {"op": "text", "segment": 0, "text": "x"}, version=3)


def test_what_is_kept_as_json_goes_out_as_it_is(desk: Desk) -> None:
    session_id = desk.recording()
    text = 'she said "naïve" \\ 你好 </script> \u2028'
    kept = desk.edit(session_id, {"op": "text", "segment": 1, "text": text})["segments"][0]
    desk.edit(session_id, {"op": "insert", "start_time": 20, "end_time": 21, "text": "hm"}, version=2)
    shown = desk.owner.get(f"{DOOR}/{session_id}")
    assert shown.headers["content-type"] == "application/json"
    result = SessionResult.model_validate_json(shown.content)
    assert shown.json() == result.model_dump(mode="json")
    assert shown.json()["transcript"]["segments"][1] == kept
    assert [word["text"] for word in kept["words"]][:3] == ["she", "said", '"naïve"']
