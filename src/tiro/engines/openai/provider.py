"""Whether the `openai` engine can be used here, and how it is made. Cheap to import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tiro.engines.base import Availability, EngineOptions, RemoteOptions
from tiro.errors import ModelUnavailable

if TYPE_CHECKING:
    from tiro.engines.openai.engine import OpenAIEngine

OPENAI = "https://api.openai.com/v1"


class BadAddress(ValueError):
    """The settings name no server, or one that cannot be used; the text says what to set."""


def base_address(remote: RemoteOptions) -> str:
    """The server's address without a slash at its end; one without a path gets OpenAI's ``/v1``.

    Raises:
        BadAddress
    """
    if not remote.url:
        if (remote.key or "").strip():
            return OPENAI
        raise BadAddress(
            "No remote server is set. TIRO_OPENAI_URL names one that speaks OpenAI's audio API, such as "
            "http://host:8000/v1; for OpenAI's own TIRO_OPENAI_KEY is enough."
        )
    try:
        parts = urlsplit(remote.url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    # The address itself is not repeated: whoever put a password into it would find that in a log.
    if not usable:
        raise BadAddress("TIRO_OPENAI_URL is no address of a server. Write it as http://host:8000/v1.")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadAddress(
            "TIRO_OPENAI_URL must be a plain address, with neither user name nor '?'. "
            "Give the key with TIRO_OPENAI_KEY."
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))


def checked_key(key: str | None) -> str | None:
    """The key without white space around it; None where there is none.

    Raises:
        BadAddress: it holds characters that no header may carry. The library's own error would show it.
    """
    key = (key or "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BadAddress("TIRO_OPENAI_KEY holds characters that no key has. Copy it again.")
    return key or None


class OpenAIProvider:
    """There where the settings name a server or a key. Whether the server answers shows when it is used."""

    name = "openai"
    resource = "remote"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        remote = options.remote
        try:
            address = base_address(remote)
            checked_key(remote.key)
        except BadAddress as err:
            return Availability(False, str(err))
        return Availability(True, f"Sends the audio to {address} (model {model or remote.model}).")

    def load(self, model: str | None, options: EngineOptions) -> OpenAIEngine:
        from tiro.engines.openai.client import Client
        from tiro.engines.openai.engine import OpenAIEngine

        remote = options.remote
        try:
            remote = replace(remote, url=base_address(remote), key=checked_key(remote.key))
        except BadAddress as err:
            raise ModelUnavailable(str(err)) from err
        return OpenAIEngine(Client(remote), model or remote.model, window=remote.window)


PROVIDER = OpenAIProvider()
