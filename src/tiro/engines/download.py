"""Fetch Whisper models from Hugging Face's hub or its mirrors."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tiro.engines.catalogue import MODELS, WhisperModel, changing, checked, how_to_get, partial
from tiro.engines.folders import missing_files
from tiro.errors import ModelUnavailable, StorageFull, UnknownEngine

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

_WANTED = re.compile(r"(config|preprocessor_config|tokenizer|vocabulary)\.json|vocabulary\.txt|model\.bin")
_REVISION = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PASSING = {408, 416, 429, 500, 502, 503, 504}
_TRIES = 3  # that bring nothing
_PAUSE = 0.1
_PUBLIC = "https://huggingface.co"


def pull(model: str, models: Path, progress: Progress | None = None, *, hubs: Sequence[str] = ()) -> Path:
    """Fetch a known model into ``MODELS/NAME`` and return that folder; at once where it is there already.

    A download that is cut off goes on where it stopped the next time, from another hub too. The folder takes
    its name only when all files are there and their checksums are right. Two that pull the same model wait
    for each other.

    Args:
        hubs: addresses, tried in this order; none means what HF_ENDPOINT names, or Hugging Face's own.

    Raises:
        UnknownEngine: no model of this name is known.
        ModelUnavailable: no hub can be reached (told within seconds), or the download broke off.
        StorageFull: the disk is full.
    """
    name = checked(model)
    if name not in MODELS:
        raise UnknownEngine(f"No Whisper model is called '{model}'. Known: {', '.join(MODELS)}.")
    target = models / name
    if not missing_files(target):
        return target
    answering = reachable(hubs)
    if not answering:
        raise ModelUnavailable(how_to_get(name, models))
    try:
        models.mkdir(parents=True, exist_ok=True)
        with changing(models, name):
            if missing_files(target):
                _fetch_from_any(MODELS[name], partial(name, models), progress, answering)
                if target.is_symlink():
                    target.unlink()
                shutil.rmtree(target, ignore_errors=True)
                partial(name, models).rename(target)
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from err
        raise ModelUnavailable(f"Fetching '{name}' failed: {err}. {how_to_get(name, models)}") from err
    return target


def _fetch_from_any(
    model: WhisperModel, arrived: Path, progress: Progress | None, hubs: Sequence[str]
) -> None:
    for hub in hubs:
        try:
            _fetch(model, arrived, progress, hub)
        except ModelUnavailable:
            if hub == hubs[-1]:
                raise
        else:
            return


@dataclass(frozen=True, slots=True)
class _File:
    """A file as the hub lists it; a large one has its SHA-256 there, a small one its Git hash."""

    name: str
    size: int | None
    sha256: str | None
    git_hash: str | None

    def part(self, folder: Path) -> Path:
        """Where what has arrived is kept. Parts of different contents never meet."""
        return folder / f".{self.name}.{(self.sha256 or self.git_hash or 'unknown')[:16]}.part"

    def is_sound(self, file: Path) -> bool:
        with file.open("rb") as stream:
            if self.sha256 is not None:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
            if self.git_hash is not None:
                data = stream.read()
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data)  # noqa: S324 (Git's own)
                return blob.hexdigest() == self.git_hash
        return True


def _fetch(model: WhisperModel, arrived: Path, progress: Progress | None, hub: str) -> None:
    import httpx

    arrived.mkdir(exist_ok=True)
    timeout = httpx.Timeout(30.0, connect=10.0)
    with httpx.Client(base_url=hub, timeout=timeout, follow_redirects=True) as client:
        try:
            revision, files = _listing(client, model.repo)
            total = sum(file.size or 0 for file in files)
            done = 0
            for file in files:
                target = arrived / file.name
                if not (target.exists() and file.is_sound(target)):
                    address = f"/{model.repo}/resolve/{revision}/{file.name}"
                    _download(client, address, file, arrived, _meter(progress, done, total))
                    file.part(arrived).replace(target)
                done += file.size or 0
                if progress:
                    progress(done, total)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as err:
            raise ModelUnavailable(
                f"Fetching '{model.name}' from {hub} broke off ({_why(err)}). "
                f"Run `tiro models pull {model.name}` again; it goes on where it stopped."
            ) from err
    if lacks := missing_files(arrived):
        raise ModelUnavailable(f"{hub} has no whole copy of '{model.name}': {', '.join(lacks)} missing.")
    for part in arrived.glob(".*.part"):  # of another revision
        part.unlink()


def _why(error: Exception) -> str:
    """In a few words: httpx's own have the whole address, and lead to a page about status codes."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code} {error.response.reason_phrase}".rstrip()
    return str(error) or type(error).__name__


def _listing(client: httpx.Client, repo: str) -> tuple[str, list[_File]]:
    """The newest revision of a model, and those of its files that are wanted."""
    answer = client.get(f"/api/models/{repo}", params={"blobs": "true"}).raise_for_status().json()
    files = [
        _File(
            entry["rfilename"], entry.get("size"), (entry.get("lfs") or {}).get("sha256"), entry.get("blobId")
        )
        for entry in answer["siblings"]
        if _WANTED.fullmatch(entry["rfilename"])
    ]
    revision = str(answer["sha"])
    if not _REVISION.fullmatch(revision):
        raise ValueError("its listing is damaged")
    return revision, files


def _download(
    client: httpx.Client, address: str, file: _File, folder: Path, report: Callable[[int], None]
) -> None:
    """Fetch ``file`` into its part, on from what is there. A connection that breaks is made anew, as long as
    that brings something."""
    import httpx

    part = file.part(folder)
    if file.sha256 is None and file.git_hash is None:
        part.unlink(missing_ok=True)
    fruitless = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if before == 0 or before != file.size:
                _append(client, address, part, report)
            break
        except (httpx.TransportError, httpx.HTTPStatusError) as err:
            if isinstance(err, httpx.HTTPStatusError) and err.response.status_code not in _PASSING:
                raise
            gained = part.exists() and part.stat().st_size > before
            fruitless = 0 if gained else fruitless + 1
            if fruitless >= _TRIES:
                raise
            time.sleep(_PAUSE * 2**fruitless)
    if not file.is_sound(part):
        part.unlink()
        raise ModelUnavailable(f"{file.name} arrived damaged (its checksum is wrong). Pull the model again.")


def _append(client: httpx.Client, address: str, part: Path, report: Callable[[int], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", address, headers=headers) as answer:
        if answer.status_code == 416:
            # What is there is longer than the file.
            part.unlink()
        answer.raise_for_status()
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        with part.open("ab" if goes_on else "wb") as sink:
            done = have if goes_on else 0
            for piece in answer.iter_bytes():
                sink.write(piece)
                done += len(piece)
                report(done)
            sink.flush()
            os.fsync(sink.fileno())


def _meter(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        if progress:
            progress(min(before + done, total), total)

    return report


def reachable(hubs: Sequence[str] = (), seconds: float = 3.0) -> list[str]:
    """Those of ``hubs`` that answer within ``seconds``, in their order, however slow the name server is."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return []
    addresses = [hub.rstrip("/") for hub in hubs] or [os.environ.get("HF_ENDPOINT") or _PUBLIC]
    import httpx

    answered: set[str] = set()

    def ask(address: str) -> None:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
            if httpx.head(address, timeout=seconds).status_code < 500:
                answered.add(address)

    # In threads of their own: a look-up of a name cannot be given a time limit.
    threads = [
        threading.Thread(target=ask, args=(address,), name="hub", daemon=True) for address in addresses
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [address for address in addresses if address in answered]
