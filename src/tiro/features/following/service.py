"""Follow what people do to a recording."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from tiro.events.base import EventHub
from tiro.features.comments.service import CommentService, Standing
from tiro.features.editing.schemas import Edit
from tiro.features.editing.service import EditingService
from tiro.kit.signals import within

_POLL_SECONDS = 2.0
"""A lost hint costs no more than this."""


@dataclass(frozen=True, slots=True)
class News:
    """What is otherwise than at the last look. ``anew`` is the version of a transcript that must be read
    whole; ``comments`` is None where nothing about them has changed."""

    edits: list[Edit] = field(default_factory=list)
    anew: int | None = None
    comments: Standing | None = None


class FollowingService:
    """Edits and comments as they come. The rows are the truth: what a lost hint told of is found soon after.

    Whether the caller may see the recording is for the caller to check.
    """

    def __init__(self, hub: EventHub, editing: EditingService, comments: CommentService) -> None:
        self._hub = hub
        self._editing = editing
        self._comments = comments

    async def follow(self, recording_id: str, version: int, seconds: float) -> AsyncGenerator[News]:
        """Yield what was done since ``version``, and how the comments stand; then what changes, for so long.
        News of nothing say that nothing happened for a while. Ends when the server does."""
        until = time.monotonic() + seconds
        comments: Standing | None = None
        async with self._hub.listen(recording_id) as hint:
            while not self._hub.closed:
                hint.clear()
                news = await asyncio.to_thread(self._look, recording_id, version, comments)
                if news.edits:
                    version = news.edits[-1].version
                elif news.anew is not None:
                    version = news.anew
                comments = news.comments or comments
                yield news
                left = until - time.monotonic()
                if left <= 0:
                    return
                await within(hint, min(left, _POLL_SECONDS))

    def _look(self, recording_id: str, version: int, comments: Standing | None) -> News:
        missed = self._editing.missed(recording_id, version)
        standing = self._comments.standing(recording_id)
        return News(
            edits=missed.edits or [],
            anew=missed.version if missed.edits is None else None,
            comments=None if standing == comments else standing,
        )
