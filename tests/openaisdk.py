"""OpenAI's library, imported by whoever uses it first: it takes most of a second, in each process of tests."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import openai

    return getattr(openai, name)
