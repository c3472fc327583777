"""Which media type a container is served under: fixed by Tiro, never taken from the sender."""

from __future__ import annotations

_TYPES = {
    "wav": "audio/wav",
    "w64": "audio/wav",
    "rf64": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "3gp": "video/3gpp",
    "webm": "video/webm",
    "matroska": "video/x-matroska",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "amr": "audio/amr",
    "aiff": "audio/aiff",
    "au": "audio/basic",
    "caf": "audio/x-caf",
    "asf": "video/x-ms-asf",
}


def media_type(container: str | None) -> str:
    return _TYPES.get(container or "", "application/octet-stream")
