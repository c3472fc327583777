"""Whisper on CTranslate2: the main engine, with a decoding loop of our own that works in batches."""

from tiro.engines.whisper.provider import PROVIDER

__all__ = ["PROVIDER"]
