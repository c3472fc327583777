"""The web app, for whoever opens the server in a browser: files that were built from `web/`.

All are read once and kept, with what brotli and gzip make of them. A file whose name has a hash is cached for
good; the page that names them is asked for anew each time, and carries a nonce for its own styles.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_HASHED = "/assets/"
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""By preference, with the ending of the file that has it."""
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
_NOT_PAGES = ("/api", "/v1", "/docs", "/openapi.json", "/metrics", "/live", "/ready")
"""What the API has, or may come to have, and no page does."""
_NONCE = b"__NONCE__"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "media-src {media}; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_UNBUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tiro</title></head>
<body><p>Tiro is up, but its web app is not built: run <code>make web</code> and start it again.
The API's documentation is at <a href="/docs">/docs</a>.</p></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    """``bodies`` by encoding; ``identity`` is as it was built."""

    media_type: str
    etag: str
    bodies: dict[str, bytes]


def mount(app: FastAPI, folder: Traversable | None = None, *, media_elsewhere: bool = False) -> None:
    """Serve what was built into ``folder``, by default the package's own; where there is nothing, say so.
    To be called last: any other route wins.

    Args:
        media_elsewhere: whether players are sent to the store itself for recordings.
    """
    found = _read(folder or files("tiro") / "web")
    if "/index.html" in found:
        app.router.routes.append(_WebApp(found, media_elsewhere))
        return

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def unbuilt() -> str:
        return _UNBUILT


def is_built() -> bool:
    return (files("tiro") / "web" / "index.html").is_file()


class _WebApp(BaseRoute):
    """Answers for its files, and with its page for the addresses that a person may open."""

    def __init__(self, found: dict[str, _File], media_elsewhere: bool) -> None:
        self._media = "'self' blob: https: http:" if media_elsewhere else "'self' blob:"
        self._index = found["/index.html"].bodies["identity"]
        self._files = {path: file for path, file in found.items() if path != "/index.html"}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return Match.NONE, {}
        known = scope["path"] in self._files or _is_page(Request(scope))
        return (Match.FULL if known else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        file = self._files.get(scope["path"])
        answer = self._page() if file is None else _answer(request, file)
        await answer(scope, receive, send)

    def _page(self) -> Response:
        nonce = secrets.token_urlsafe(16)
        return Response(
            self._index.replace(_NONCE, nonce.encode()),
            media_type=_MEDIA_TYPES["html"],
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": _POLICY.format(nonce=nonce, media=self._media),
            },
        )


def _is_page(request: Request) -> bool:
    """Whether somebody opens this in a browser. What looks like a file, and what a program asks for, is not
    there if nothing else has it."""
    path = request.scope["path"]
    if path.endswith("/") and path != "/":
        return False  # or a file that is not there would be looked for as a folder
    if any(path == other or path.startswith(f"{other}/") for other in _NOT_PAGES):
        return False
    return "." not in path.rpartition("/")[2] and "text/html" in request.headers.get("accept", "")


def _answer(request: Request, file: _File) -> Response:
    hashed = request.scope["path"].startswith(_HASHED)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    encoding = _encoding(request.headers.get("accept-encoding", ""), file)
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return Response(file.bodies[encoding], media_type=file.media_type, headers=headers)


def _encoding(accepted: str, file: _File) -> str:
    offers = (part.replace(" ", "").lower().partition(";") for part in accepted.split(","))
    names = {name for name, _, quality in offers if quality not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}}
    return next((name for name in _ENCODINGS if name in names and name in file.bodies), "identity")


def _read(folder: Traversable, prefix: str = "") -> dict[str, _File]:
    if not folder.is_dir():
        return {}
    found: dict[str, _File] = {}
    entries = {entry.name: entry for entry in folder.iterdir()}
    for name, entry in entries.items():
        path = f"{prefix}/{name}"
        if entry.is_dir():
            found |= _read(entry, path)
        elif (media_type := _MEDIA_TYPES.get(name.rpartition(".")[2])) is not None:
            body = entry.read_bytes()
            bodies = {
                encoding: entries[name + ending].read_bytes()
                for encoding, ending in _ENCODINGS.items()
                if name + ending in entries
            }
            etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            found[path] = _File(media_type, etag, {**bodies, "identity": body})
    return found
