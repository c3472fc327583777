"""What a recording's stream carries is what the OpenAPI document says of it."""

from __future__ import annotations

import json

from tests.makecall import wav
from tests.serving import ThreadServer

from tiro.api.events import PAYLOADS, EndEvent


def test_every_event_of_a_job_fits_its_model(server: ThreadServer) -> None:
    session = server.client.send_file("call.wav", wav(seconds=2), wait=30).json()
    seen = set()
    kind = ""
    for line in server.client.get(session["links"]["events"]).text.splitlines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            model = EndEvent if kind == "end" else PAYLOADS[kind]  # type: ignore[index]
            data = json.loads(value)
            model.model_validate(data)
            assert set(data) <= set(model.model_fields)
            seen.add(kind)
    assert {"state", "stage", "media", "progress", "segment", "end"} <= seen
