"""Which tests share a process, where several run side by side."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling

_SERVICE = re.compile(r"^from tests\.(?:services\.)?(s3|postgres|redis|cluster)\b", re.MULTILINE)


class ByFileAndService(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay together; so do the files that need PostgreSQL and Redis, and those that need S3:
    each process starts its own, which takes seconds."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        self._root: Path = config.rootpath

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _service(self._root / file) or file


@cache
def _service(file: Path) -> str | None:
    """What the tests in the file need."""
    needed = set(_SERVICE.findall(file.read_text()))
    if not needed:
        return None
    return "s3" if "s3" in needed else "databases"
