"""How the built web app reaches a browser."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tiro.api import webapp
from tiro.http import problems
from tiro.http.middleware import RequestEnvelope

HTML = {"Accept": "text/html,application/xhtml+xml"}
SCRIPT = b"console.log('tiro');" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    page = '<!doctype html><script src="/assets/app-abc.js" nonce="__NONCE__"></script>'
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "assets" / "app-abc.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "app-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


def client(folder: Path, *, media_elsewhere: bool = False) -> TestClient:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(RequestEnvelope)

    @app.get("/api/v1/thing")
    def thing() -> str:
        return "here"

    webapp.mount(app, folder, media_elsewhere=media_elsewhere)
    return TestClient(app)


def test_deep_links_get_the_page_with_a_nonce_of_their_own(built: Path) -> None:
    nonces = set()
    for path in ("/", "/recordings/0199", "/settings/keys", "/password"):
        answer = client(built).get(path, headers=HTML)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        (nonce,) = re.findall(r'nonce="([^"]+)"', answer.text)
        assert f"'nonce-{nonce}'" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        nonces.add(nonce)
    assert len(nonces) == 4


def test_files_with_a_hash_are_kept_and_sent_compressed(built: Path) -> None:
    with client(built) as browser:
        whole = browser.get("/assets/app-abc.js", headers={"Accept-Encoding": "identity"})
        assert (whole.content, whole.headers.get("content-encoding")) == (SCRIPT, None)
        small = browser.get("/assets/app-abc.js", headers={"Accept-Encoding": "br, gzip"})
        assert (small.content, small.headers["content-encoding"]) == (SCRIPT, "gzip")
        assert int(small.headers["content-length"]) < len(SCRIPT)
        refused = browser.get("/assets/app-abc.js", headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in refused.headers
        assert "immutable" in small.headers["cache-control"]
        assert small.headers["vary"] == "Accept-Encoding"
        assert small.headers["x-content-type-options"] == "nosniff"
        icon = browser.get("/favicon.svg")
        assert icon.headers["cache-control"] == "no-cache"
        again = browser.get("/favicon.svg", headers={"If-None-Match": icon.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api",
        "/v1/nothing",
        "/assets/gone.js",
        "/../pyproject.toml",
        "/assets/%2e%2e/index.html",
    ],
)
def test_what_is_not_there_is_a_problem_and_no_page(built: Path, path: str) -> None:
    answer = client(built).get(path, headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"] in {"application/problem+json", "application/json"}


def test_a_program_that_mistypes_an_address_gets_no_page(built: Path) -> None:
    browser = client(built)
    assert browser.get("/recordings/1", headers={"Accept": "application/json"}).status_code == 404
    assert browser.post("/recordings/1", headers=HTML).status_code == 404
    assert browser.post("/api/v1/thing", headers=HTML).headers["allow"] == "GET"
    assert browser.get("/api/v1/thing", headers=HTML).json() == "here"
    assert browser.head("/", headers=HTML).status_code == 200


def test_where_nothing_is_built_it_says_how(tmp_path: Path) -> None:
    answer = client(tmp_path / "none").get("/", headers=HTML)
    assert answer.status_code == 200
    assert "make web" in answer.text


def test_a_bucket_may_be_played_from_where_players_are_sent_there(built: Path) -> None:
    answer = client(built, media_elsewhere=True).get("/", headers=HTML)
    assert "media-src 'self' blob: https:" in answer.headers["content-security-policy"]
