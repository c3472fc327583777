"""The metrics of speech count what was recognised and what was dropped, once, over restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests import countingengine
from tests.conftest import make_settings
from tests.makecall import samples, wav, wav_bytes
from tests.serving import Client, ServerProcess, thread_server, wait_until

REPEAT = "counting:repeat"


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


def metrics(client: Client) -> dict[tuple[str, str], float]:
    """Samples by name and label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_what_was_heard_and_dropped_is_counted(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with thread_server(settings) as server:
        fresh = metrics(server.client)
        assert fresh["tiro_segments_dropped_total", "stock_phrase"] == 0
        assert fresh["tiro_segments_dropped_total", "cross_talk"] == 0
        heard = samples(5)[:, 0]
        leaking = wav_bytes(np.stack([heard, (heard * 0.18).astype(np.int16)], axis=1))
        form = {"engine": REPEAT, "language": "en", "channels": "split"}
        session = server.client.send_file("call.wav", leaking, wait=30, **form).json()
        counted = metrics(server.client)
    dropped = [drop["rule"] for drop in session["metadata"]["dropped"]]
    for rule in ("cross_talk", "impossible_rate", "repetition"):
        assert counted["tiro_segments_dropped_total", rule] == dropped.count(rule)
    assert dropped.count("cross_talk") == 1
    assert counted["tiro_segments_total", ""] == len(session["transcript"]["segments"]) == 1
    assert counted["tiro_windows_total", REPEAT] == 2
    assert 5 < counted["tiro_audio_seconds_total", REPEAT] <= 10
    assert counted["tiro_engine_seconds_total", REPEAT] > 0
    with thread_server(settings) as again:
        after = metrics(again.client)
    ours = {key: value for key, value in counted.items() if key[0].startswith(("tiro_seg", "tiro_win"))}
    assert ours.items() <= after.items()


@pytest.mark.slow
def test_what_an_earlier_attempt_recorded_counts_once(tmp_path: Path, engine: Path) -> None:
    """Killed in the middle, the job goes on after the windows that are there."""
    server = ServerProcess(tmp_path)
    try:
        sent = server.client.send_file("call.wav", wav(40), engine="counting:0.05").json()
        wait_until(lambda: countingengine.asked(engine) >= 3, what="some windows")
    finally:
        server.kill()
    with thread_server(make_settings(tmp_path), recover=True) as again:
        session = again.client.until_ended(sent["session_id"])
        counted = metrics(again.client)
    assert session["status"] == "completed"
    assert counted["tiro_windows_total", "counting:0.05"] >= 4
    assert counted["tiro_audio_seconds_total", "counting:0.05"] < 41
    assert counted["tiro_segments_total", ""] == len(session["transcript"]["segments"])
