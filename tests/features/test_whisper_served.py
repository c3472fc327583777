"""Whisper through the whole house: a model in the models folder is found, chosen by `auto`, and used."""

from __future__ import annotations

import pytest
from tests import tinywhisper
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import thread_server


def test_a_model_in_the_folder_is_what_auto_takes(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    (data / "models" / "tiny").mkdir(parents=True)
    tinywhisper.make(data / "models" / "tiny")
    with thread_server(make_settings(data)) as server:
        session = server.client.send_file("call.wav", wav(5), engine="auto", wait=60).json()
        assert session["status"] == "completed", session
        segments = session["transcript"]["segments"]
        assert segments[0]["text"] == "the quick brown fox"
        assert segments[0]["language"] == tinywhisper.LANGUAGE
        assert all(0 <= word["confidence"] <= 1 for word in segments[0]["words"])
        metadata = session["metadata"]
        assert metadata["engine"] == "whisper:tiny"
        assert metadata["language"] == tinywhisper.LANGUAGE
        assert metadata["notices"] == []
        assert "tiny" in metadata["model_versions"]["whisper"]
        english = server.client.send_file("call.wav", wav(5), engine="whisper", language="en", wait=60).json()
        assert english["transcript"]["segments"][0]["language"] == "en"
