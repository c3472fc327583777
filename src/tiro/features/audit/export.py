"""The audit log as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from tiro.features.audit.schemas import Entry

COLUMNS = (
    "seq",
    "at",
    "action",
    "kind",
    "name",
    "user_id",
    "user",
    "key_id",
    "address",
    "target",
    "owner_id",
    "request_id",
    "details",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def jsonl(entries: Iterable[Entry]) -> Iterator[str]:
    """One entry a line, as in the API."""
    for entry in entries:
        yield entry.model_dump_json() + "\n"


def as_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """As RFC 4180 has it, with a line of headings. What a spreadsheet would take for a formula is text."""
    yield _line(COLUMNS)
    for entry in entries:
        flat = entry.model_dump(mode="json")
        flat |= flat.pop("actor")
        flat["details"] = json.dumps(flat["details"], ensure_ascii=False)
        yield _line(["" if flat[column] is None else str(flat[column]) for column in COLUMNS])


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return line.getvalue()
