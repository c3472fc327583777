"""Look into an upload before it is accepted."""

from __future__ import annotations

import threading
from contextlib import closing

from tiro.db.tables.base import Json
from tiro.errors import TiroError
from tiro.media.decode import DecoderPool
from tiro.speech.result import media_json
from tiro.storage.base import Arrival
from tiro.telemetry import metrics
from tiro.telemetry.timing import timed


class Look:
    """What a recording says of itself; refuses at the door what is none."""

    def __init__(self, decoders: DecoderPool) -> None:
        self._decoders = decoders
        # Looking into a file costs a decoder each; a crowd of uploads waits here rather than in memory.
        self._probing = threading.BoundedSemaphore(4)

    def inside(self, upload: Arrival) -> Json | None:
        """None where nobody can tell: a decoder that dies is no proof, the job will tell.

        Raises:
            TiroError: it is no recording that can be read, or its bytes cannot be had.
        """
        refusal: TiroError | None = None
        probing = timed(metrics.DOOR_SECONDS, "door", "probe")
        with probing, self._probing, closing(upload.views()) as views:
            for file in views:
                try:
                    with self._decoders.open(file, keep_stereo=True, stop=None) as media:
                        return media_json(media.info)
                except TiroError as error:
                    if error.transient:
                        return None
                    refusal = error  # until a view that shows more
        assert refusal is not None
        raise refusal


def claimed_seconds(media: Json | None) -> float:
    """Seconds that the file claims to have; 0 where it claims nothing."""
    return (media or {}).get("claimed_duration") or 0.0
