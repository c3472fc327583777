"""Which recordings the names on the command line mean."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiro.errors import InvalidRequest, TiroError

_SUFFIXES = frozenset(
    (
        *("aac", "aif", "aiff", "amr", "au", "caf", "flac", "m4a", "m4b", "mka", "mp2", "mp3", "oga", "ogg"),
        *("opus", "w64", "wav", "wma"),
        *("3gp", "asf", "avi", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv"),
    )
)
"""Files in a folder that count as recordings; whatever is named itself does."""


@dataclass(frozen=True, slots=True)
class Named:
    """A recording on the command line.

    Attributes:
        name: as it is shown; ``-`` is standard input.
        folder: where it lies below the folder that was named; None where it was named itself.
    """

    name: str
    folder: Path | None = None

    def open(self) -> Path | BinaryIO:
        return sys.stdin.buffer if self.name == "-" else Path(self.name)

    @property
    def filename(self) -> str:
        return "stdin" if self.name == "-" else Path(self.name).name

    @property
    def stem(self) -> str:
        return Path(self.filename).stem

    @property
    def size(self) -> int:
        """Bytes; 0 where that cannot be known before."""
        try:
            return 0 if self.name == "-" else Path(self.name).stat().st_size
        except OSError:
            return 0


def expand(names: Iterable[str], *, recursive: bool) -> list[Named]:
    """What is meant: files as given, the files that a pattern matches which the shell left alone, and the
    recordings in a folder; ``recursive``, those below it too."""
    found: list[Named] = []
    for name in names:
        if name == "-" or Path(name).exists() or not glob.has_magic(name):
            matches = [name]
        else:
            matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            raise InvalidRequest(f"No file matches '{name}'.")
        for match in matches:
            if match != "-" and Path(match).is_dir():
                found.extend(_inside(Path(match), recursive))
            else:
                found.append(Named(match))
    return found


def unreadable(name: str, error: OSError) -> TiroError:
    return InvalidRequest(f"Cannot read '{name}': {error.strerror or error}.")


def _inside(folder: Path, recursive: bool) -> list[Named]:
    found = [
        Named(str(path), path.parent.relative_to(folder))
        for path in _walk(folder, recursive)
        if path.suffix.lstrip(".").lower() in _SUFFIXES
    ]
    if not found:
        hint = "" if recursive else " With -r, the folders below it count too."
        raise InvalidRequest(f"There is no recording in '{folder}'.{hint}")
    return found


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    """Files in the order of their names, those of a folder before those below it. What is hidden is passed
    over."""
    for at, folders, files in os.walk(folder):
        yield from (Path(at, name) for name in sorted(files) if not name.startswith("."))
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))


def text_of(words: str) -> str:
    """What was given, or what is in the file that was named with an @."""
    if not words.startswith("@"):
        return words
    try:
        return Path(words[1:]).read_text(encoding="utf-8")
    except OSError as err:
        raise unreadable(words[1:], err) from err
    except UnicodeDecodeError as err:
        raise InvalidRequest(f"'{words[1:]}' is not a text file.") from err
