"""Webhooks over HTTP and on the command line: made, changed, tested, and what became of their messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make_settings
from tests.databases import use_data
from tests.makecall import wav
from tests.receiver import Receiver, Reply, receiving
from tests.serving import ThreadServer, thread_server, wait_until
from typer.testing import CliRunner

from tiro.cli.main import app
from tiro.features.webhooks.service import MOST

HOOKS = "/api/v1/webhooks"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(tmp_path_factory.mktemp("data"), egress={"allow": "127.0.0.1"})
    with thread_server(settings) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def made(server: ThreadServer, url: str, **wish: Any) -> dict[str, Any]:
    answer = server.client.post(HOOKS, json={"url": url, **wish})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def deliveries(server: ThreadServer, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    return list(server.client.get(f"{HOOKS}/{webhook['id']}/deliveries{query}").json()["items"])


def test_the_story_of_a_recording(server: ThreadServer, receiver: Receiver) -> None:
    webhook = made(server, receiver.url)
    session_id = server.client.send_file("a.wav", wav(1), wait=30).json()["session_id"]
    cancelled = server.client.send_file("a.wav", wav(400), engine="echo:0.2").json()["session_id"]
    server.client.post(f"/api/v1/transcribe/{cancelled}/cancel")
    server.client.until_ended(cancelled)
    assert server.client.delete(f"/api/v1/transcribe/{session_id}").status_code == 204
    wait_until(lambda: len(receiver.messages) == 5, what="all messages")
    told = [message.verified(webhook["secret"]) for message in receiver.messages]

    def of(recording_id: str) -> set[object]:
        return {one["type"] for one in told if one["data"]["session_id"] == recording_id}  # type: ignore[index]

    assert of(session_id) == {"recording.accepted", "transcription.completed", "recording.deleted"}
    assert of(cancelled) == {"recording.accepted", "transcription.cancelled"}
    wait_until(lambda: len(deliveries(server, webhook, "?state=delivered")) == 5, what="the log")
    newest = deliveries(server, webhook, "?limit=1")[0]
    assert newest["event"] == newest["payload"]["type"] == "recording.deleted"
    assert [one["status"] for one in newest["tries"]] == [204]
    assert deliveries(server, webhook, "?state=failed") == []
    one = server.client.get(f"{HOOKS}/{webhook['id']}/deliveries/{newest['id']}").json()
    assert one == newest
    server.client.delete(f"{HOOKS}/{webhook['id']}")


def test_a_secret_is_shown_once(server: ThreadServer, receiver: Receiver) -> None:
    webhook = made(server, receiver.url, name="mine", events=["recording.deleted"])
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    listed = server.client.get(HOOKS)
    assert webhook in listed.json()["items"]
    assert secret not in listed.text
    assert webhook["events"] == ["recording.deleted"]
    address = f"{HOOKS}/{webhook['id']}"
    assert server.client.get(address).json() == webhook
    rotated = server.client.post(address + "/rotate", json={"overlap_hours": 0}).json()
    assert rotated["secret"] != secret
    assert rotated["previous_secret_until"] is None
    assert server.client.post(address + "/rotate", json={}).json()["previous_secret_until"] is not None
    assert server.client.delete(address).status_code == 204
    assert server.client.get(address).status_code == 404


def test_changes(server: ThreadServer, receiver: Receiver) -> None:
    address = f"{HOOKS}/{made(server, receiver.url)['id']}"
    off = server.client.patch(address, json={"enabled": False, "name": "other"}).json()
    assert (off["enabled"], off["name"], off["url"]) == (False, "other", receiver.url)
    assert off["disabled_at"] is not None
    on = server.client.patch(address, json={"enabled": True, "events": ["transcription.failed"]}).json()
    assert (on["enabled"], on["disabled_at"], on["events"]) == (True, None, ["transcription.failed"])
    refused = server.client.patch(address, json={"url": "http://10.0.0.1/"})
    assert (refused.status_code, refused.json()["code"]) == (422, "address_refused")
    assert server.client.get(address).json()["url"] == receiver.url
    server.client.delete(address)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, "invalid_request"),
        ({"url": "nonsense"}, "invalid_request"),
        ({"url": "ftp://example.com/"}, "invalid_request"),
        ({"url": "http://127.1/"}, "invalid_request"),
        ({"url": "http://[::1]/"}, "address_refused"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "address_refused"),
        ({"url": "http://127.0.0.1/", "events": []}, "invalid_request"),
        ({"url": "http://127.0.0.1/", "events": ["webhook.test"]}, "invalid_request"),
        ({"url": "http://127.0.0.1/", "events": ["everything"]}, "invalid_request"),
        ({"url": "http://127.0.0.1/", "name": "two\nlines"}, "invalid_request"),
        ({"url": "http://127.0.0.1/", "name": ""}, "invalid_request"),
    ],
)
def test_wrong_wishes(server: ThreadServer, wish: dict[str, object], code: str) -> None:
    answer = server.client.post(HOOKS, json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_test_button(server: ThreadServer) -> None:
    with receiving([Reply(200, body=b"thanks\x00"), Reply(418, body=b"x" * 5000), Reply(410)]) as receiver:
        webhook = made(server, receiver.url, enabled=False)
        address = f"{HOOKS}/{webhook['id']}/test"
        answers = [server.client.post(address).json() for _ in range(3)]
        first, second, third = answers
        message = receiver.messages[0]
    assert message.verified(webhook["secret"])["data"] == {"webhook_id": webhook["id"]}
    assert (first["state"], first["tries"][0]["excerpt"]) == ("delivered", "thanks")
    assert (second["state"], len(second["tries"][0]["excerpt"])) == ("failed", 1000)
    assert third["tries"][0]["status"] == 410
    away = server.client.post(address).json()
    assert (away["state"], away["tries"][0]["status"]) == ("failed", None)
    assert "takes no connection" in away["tries"][0]["error"]
    # A test says nothing about the webhook itself.
    assert server.client.get(f"{HOOKS}/{webhook['id']}").json()["disabled_for"] is None
    off = server.client.post(f"{HOOKS}/{webhook['id']}/deliveries/{first['id']}/redeliver")
    assert off.status_code == 409
    server.client.delete(f"{HOOKS}/{webhook['id']}")


def test_redelivery(server: ThreadServer, receiver: Receiver) -> None:
    webhook = made(server, receiver.url)
    sent = server.client.post(f"{HOOKS}/{webhook['id']}/test").json()
    again = server.client.post(f"{HOOKS}/{webhook['id']}/deliveries/{sent['id']}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    wait_until(lambda: len(receiver.messages) == 2, what="the second delivery")
    assert {message.id for message in receiver.messages} == {sent["id"]}
    server.client.delete(f"{HOOKS}/{webhook['id']}")


def test_there_is_a_most(server: ThreadServer) -> None:
    ids = [made(server, "http://127.0.0.1:9/")["id"] for _ in range(MOST)]
    assert server.client.post(HOOKS, json={"url": "http://127.0.0.1:9/"}).status_code == 409
    for webhook_id in ids:
        server.client.delete(f"{HOOKS}/{webhook_id}")


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    use_data(monkeypatch, tmp_path)
    monkeypatch.setenv("TIRO_EGRESS_ALLOW", "127.0.0.1")
    tiro = CliRunner()
    added = tiro.invoke(app, ["webhooks", "add", receiver.url, "--event", "transcription.failed"])
    assert (added.exit_code, added.stdout[:6]) == (0, "whsec_")
    listed = tiro.invoke(app, ["webhooks", "list"]).stdout
    assert receiver.url in listed
    webhook_id = listed.split()[-1]
    tested = tiro.invoke(app, ["webhooks", "test", webhook_id])
    assert tested.stdout.startswith("delivered: 204")
    assert receiver.messages[0].verified(added.stdout.strip())
    assert tiro.invoke(app, ["webhooks", "remove", webhook_id]).exit_code == 0
    assert receiver.url not in tiro.invoke(app, ["webhooks", "list"]).stdout
