"""The API's documentation page, with nothing fetched from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tiro API</title>
<link rel="stylesheet" href="/docs/swagger/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger/swagger-ui-bundle.js"></script>
<script src="/docs/assets/docs.js"></script>
</body>
</html>
"""


def mount(app: FastAPI) -> None:
    """Serve the page at /docs; Swagger UI comes from the package `fastapi-offline`."""
    app.mount("/docs/swagger", StaticFiles(directory=str(files("fastapi_offline") / "static")))
    app.mount("/docs/assets", StaticFiles(directory=Path(__file__).parent / "assets"))

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    def page() -> str:
        return _PAGE
