"""What a caller may name as a recording: a path, bytes, or an open file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

Source = str | Path | bytes | BinaryIO


@contextmanager
def opened(source: Source) -> Generator[BinaryIO]:
    """The source as a file with a descriptor, which the decoder's process can be handed."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            yield file
    elif isinstance(source, bytes):
        with TemporaryFile() as spool:
            spool.write(source)
            spool.seek(0)
            yield spool
    elif _has_descriptor(source) and source.seekable():
        yield source
    else:
        with TemporaryFile() as spool:
            while chunk := source.read(1 << 20):
                spool.write(chunk)
            spool.seek(0)
            yield spool


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except OSError:
        return False
    return True
