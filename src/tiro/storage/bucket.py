"""A bucket at S3, at Google Cloud Storage, or at a store that speaks as S3 does, through obstore."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from tiro.errors import MissingExtra, NotFound, StorageFull, StorageUnavailable, TiroError
from tiro.storage.base import Kept
from tiro.storage.signing import S3Signer

_log = structlog.get_logger(__name__)
_THREADS = 8
_STREAMS = 4
_RETRIES = 4
_RETRY_SECONDS = 20.0
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403 Forbidden", "401 Unauthorized")
_FULL = ("XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "507 ")


@dataclass(frozen=True, slots=True)
class Access:
    """How a store is reached. What is None or empty is left to obstore's usual environment variables.

    ``timeout`` is the longest time of one request in seconds.
    """

    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0


class Bucket:
    """Objects by path below the address. Blocking, for use from many threads; close it when done.

    ``senders`` carries all parts of all uploads and ``readers`` all that is read ahead, so that what is in
    memory does not grow with the number of people. ``tidiers`` may wait for the other two. ``streams`` are
    the uploads that may be open at the store while they still come in, ``joiners`` those whose pieces are
    being put together.

    Args:
        url: s3://bucket/prefix or gs://bucket/prefix.

    Raises:
        MissingExtra: obstore is not installed.
        StorageUnavailable: it makes no sense of the address or of what the environment says.
    """

    def __init__(self, url: str, access: Access) -> None:
        try:
            import obstore
        except ImportError as err:
            raise MissingExtra(
                f"Recordings in {url} need another package: pip install 'tiro[cluster]'"
            ) from err
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._obstore: Any = obstore
        self._store = _store(parts.scheme, parts.netloc, parts.path.strip("/"), access)
        self.signer = S3Signer.of(self._store, parts.path.strip("/")) if parts.scheme == "s3" else None
        self.senders = ThreadPoolExecutor(_THREADS, "tiro-send")
        self.readers = ThreadPoolExecutor(_THREADS, "tiro-read")
        self.tidiers = ThreadPoolExecutor(2, "tiro-tidy")
        self.streams = threading.BoundedSemaphore(_STREAMS)
        self.joiners = threading.BoundedSemaphore(_STREAMS)

    def close(self) -> None:
        for threads in (self.tidiers, self.senders, self.readers):
            threads.shutdown()

    def writer(self, path: str, part: int) -> Any:
        """obstore's writer: it begins a multipart upload when it has more than ``part`` bytes, sends one part
        at a time, and takes all back where its ``with`` block fails."""
        with self.translated("write"):
            return self._obstore.open_writer(self._store, path, buffer_size=part, max_concurrency=1)

    def put(self, path: str, data: bytes | memoryview) -> None:
        with self.translated("write"):
            self._obstore.put(self._store, path, data, use_multipart=False)

    def get(self, path: str, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop``. Raises NotFound, and StorageUnavailable where there are
        fewer."""
        with self.translated("read"):
            data = bytes(self._obstore.get_range(self._store, path, start=start, end=stop))
        if len(data) != stop - start:
            raise StorageUnavailable("The store sent less of the file than there should be.", retry_after=5)
        return data

    def head(self, path: str, count: int) -> tuple[bytes, int]:
        """The first ``count`` bytes, and how many there are in all. Raises NotFound."""
        with self.translated("read"):
            # Not a HEAD request: its answer cannot tell a missing bucket from a missing object.
            found = self._obstore.get(self._store, path, options={"range": (0, count)})
            return bytes(found.bytes()), int(found.meta["size"])

    def size(self, path: str) -> int:
        """Raises NotFound."""
        with self.translated("read"):
            return int(self._obstore.head(self._store, path)["size"])

    def below(self, folder: str) -> Iterator[Kept]:
        """All objects below a folder, by their paths."""
        with self.translated("list"):
            for page in self._obstore.list(self._store, folder, chunk_size=1000):
                yield from (Kept(one["path"], one["size"], one["last_modified"]) for one in page)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        with self.translated("list"):
            found = self._obstore.list_with_delimiter(self._store, folder)
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def delete(self, paths: Iterable[str]) -> None:
        """Those that are not there do not matter."""
        wanted = list(paths)
        for start in range(0, len(wanted), 1000):
            with suppress(NotFound), self.translated("delete"):
                self._obstore.delete(self._store, wanted[start : start + 1000])

    def copy(self, source: str, target: str) -> None:
        with self.translated("write"):
            self._obstore.copy(self._store, source, target)

    def check(self) -> None:
        """Do with a small object all that recordings need. Raises StorageUnavailable, which says what of it
        cannot be done."""
        path = f"probe/{uuid.uuid4()}"
        self.put(path, b"tiro")
        try:
            if self.get(path, 0, 4) != b"tiro" or not any(found.key == path for found in self.below("probe")):
                raise StorageUnavailable(f"{self.url} does not give back what was put there.", retry_after=5)
        finally:
            with suppress(TiroError):
                self.delete([path])
        self.delete([path])

    @contextmanager
    def translated(self, verb: str) -> Iterator[None]:
        """Turn obstore's errors into Tiro's, once, here."""
        try:
            yield
        except (self._obstore.exceptions.BaseError, OSError) as error:
            text = str(error)
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
                raise NotFound("The recording's file is not here any more.") from error
            _log.warning("storage.failed", verb=verb, error=text.partition("\n")[0][:500])
            if any(sign in text for sign in _FULL):
                raise StorageFull("The store of recordings is full.") from error
            raise StorageUnavailable(self._reason(verb, error, text), retry_after=5) from error

    def _reason(self, verb: str, error: Exception, text: str) -> str:
        exceptions = self._obstore.exceptions
        if "NoSuchBucket" in text:
            return f"The bucket of {self.url} is not there. Create it, or correct TIRO_STORAGE_URL."
        denied = isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)
        if denied or any(sign in text for sign in _DENIED):
            return (
                f"Tiro may not {verb} in {self.url}. Its key needs the right to read, write, list and delete."
            )
        return StorageUnavailable.default


def _store(scheme: str, name: str, prefix: str, access: Access) -> Any:
    from obstore.exceptions import BaseError
    from obstore.store import GCSStore, S3Store

    options: dict[str, Any] = {
        "timeout": f"{access.timeout:g}s",
        "connect_timeout": f"{min(5, access.timeout):g}s",
    }
    retry = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=min(_RETRY_SECONDS, access.timeout))}
    more: dict[str, Any] = {"prefix": prefix or None, "client_options": options, "retry_config": retry}
    try:
        if scheme == "gs":
            return GCSStore(name, **more)
        given = {
            "endpoint": access.endpoint,
            "region": access.region,
            "access_key_id": access.access_key,
            "secret_access_key": access.secret_key,
        }
        if (access.endpoint or "").startswith("http://"):
            options["allow_http"] = True
        config = {"checksum_algorithm": "SHA256"} | {key: value for key, value in given.items() if value}
        return S3Store(name, config=config, **more)  # type: ignore[arg-type]
    except (BaseError, ValueError) as err:
        raise StorageUnavailable(
            f"{scheme}://{name} cannot be used: {str(err).partition(chr(10))[0]}"
        ) from err
