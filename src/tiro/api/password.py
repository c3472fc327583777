"""The page to which the links lead that set a password."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from tiro.features.accounts.links import PATH

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your password for Tiro</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
  main { max-width: 24rem; margin: 15vh auto 0; padding: 0 1rem; }
  label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
  input, button { margin: .25rem 0 1rem; padding: .5rem; }
</style>
</head>
<body>
<main>
<h1>Your password</h1>
<form>
  <label for="password">Password, 10 characters or more</label>
  <input id="password" type="password" autocomplete="new-password" minlength="10" maxlength="1000" required>
  <label for="again">The same again</label>
  <input id="again" type="password" autocomplete="new-password" required>
  <button>Set password</button>
</form>
<output role="status"></output>
</main>
<script src="/docs/assets/password.js"></script>
</body>
</html>
"""


def mount(app: FastAPI) -> None:
    """Serve the page; its script lies beside that of /docs."""

    @app.get(PATH, include_in_schema=False, response_class=HTMLResponse)
    def page() -> str:
        return _PAGE
