"""What somebody may do with a recording."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

Role = Literal["viewer", "editor"]
"""What a recording is shared as."""


class Access(IntEnum):
    """Each may do all that those before it may.

    A viewer reads; an editor also has the work done again or stopped; the owner alone deletes and shares.
    """

    VIEWER = 1
    EDITOR = 2
    OWNER = 3

    @classmethod
    def of_role(cls, role: str) -> Access:
        return cls[role.upper()]
