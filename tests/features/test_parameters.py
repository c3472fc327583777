"""Parameters that an address does not know: refused by all of Tiro's own, ignored by OpenAI's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.serving import Client, ThreadServer

DOOR = "/api/v1/transcribe"
COMPLETED_BY_OTHERS = {"/api/v1/auth/oidc/callback"}


@pytest.fixture
def client(server: ThreadServer) -> Client:
    return server.client


@pytest.mark.parametrize(
    ("query", "parameter", "nearest"),
    [
        ({"stauts": "failed"}, "stauts", "status"),
        ({"status": "failed", "TITLE": "a"}, "TITLE", "title"),
        ({"Limit": "1"}, "Limit", "limit"),
        ({"q": "a"}, "q", None),
        ({"": "a"}, "", None),
    ],
)
def test_a_misspelt_filter_gives_no_list(
    client: Client, query: dict[str, str], parameter: str, nearest: str | None
) -> None:
    answer = client.get(DOOR, params=query)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "unknown_parameter")
    assert (body["parameter"], body["nearest"]) == (parameter, nearest)
    assert {"status", "title", "tag", "limit"} <= set(body["known"])
    assert f"'{parameter}'" in body["detail"]
    assert (f"Did you mean '{nearest}'?" if nearest else "It takes before, ") in body["detail"]


def test_every_address_of_its_own_refuses_and_says_so_in_its_document(client: Client) -> None:
    paths: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    strict = {path for path in paths if path.startswith("/api/")} - COMPLETED_BY_OTHERS
    assert len(strict) > 70
    for path, operations in paths.items():
        for method, operation in operations.items():
            documented = "unknown_parameter" in operation["responses"].get("422", {}).get("description", "")
            assert documented == (path in strict), (method, path)
            if path in strict and method != "head":
                answer = client.request(method, re.sub(r"\{\w+\}", "txt", path), params={"stauts": "x"})
                assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter"), path
                told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
                assert set(answer.json()["known"]) == told, (method, path)


def test_what_others_complete_or_expect_is_left_alone(client: Client) -> None:
    for path in ("/v1/models", "/live", "/ready", "/metrics", "/docs"):
        assert client.get(path, params={"api-version": "2026-01-01"}).status_code == 200
    back = client.get("/api/v1/auth/oidc/callback", params={"session_state": "x"})
    assert back.status_code != 422


def test_a_long_name_is_cut_and_an_upload_is_refused_before_it_is_kept(
    client: Client, server: ThreadServer
) -> None:
    before = set(server.runtime.storage.inventory())
    answer = client.post(
        DOOR, params={"w" * 5000: "60"}, files={"audio": ("call.wav", b"RIFF")}, data={"engine": "echo"}
    )
    assert answer.json()["parameter"] == "w" * 100
    assert set(server.runtime.storage.inventory()) == before
