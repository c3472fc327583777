"""OpenAI's library, imported by the first who uses it: it takes most of a second, in each process."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import openai

    return getattr(openai, name)
