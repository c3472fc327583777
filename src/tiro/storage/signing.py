"""What obstore cannot ask of S3: addresses with a type and a name in them, and multipart uploads that nobody
completes. Signed as AWS Signature Version 4 has it.

Only with a key that is known here; a role's passing credentials stay inside obstore.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from tiro.errors import StorageUnavailable

_NOTHING = hashlib.sha256(b"").hexdigest()
_NAMESPACE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload that has neither been completed nor aborted."""

    path: str
    upload_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class S3Signer:
    """Signs requests for the objects below ``prefix``, and for what holds them.

    ``base`` is the bucket's address, without a slash at its end.
    """

    base: str
    region: str
    key: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    prefix: str
    timeout: float = 30.0

    @classmethod
    def of(cls, store: Any, prefix: str) -> Self | None:
        """With what obstore has been told or has found in the environment; None where that has no key."""
        config: Mapping[str, Any] = store.config
        key, secret = config.get("access_key_id"), config.get("secret_access_key")
        if not key or not secret:
            return None
        region = config.get("region") or config.get("default_region") or "us-east-1"
        endpoint = config.get("aws_endpoint_url_s3") or config.get("endpoint")
        base = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/")
        if str(config.get("virtual_hosted_style_request", "false")).lower() != "true":
            base = f"{base}/{config['bucket']}"
        token = config.get("session_token") or config.get("token")
        return cls(base, region, key, secret, token, f"{prefix}/" if prefix else "")

    def address(self, path: str, seconds: int, **query: str) -> str:
        """A GET of the object for whoever knows the address, for so many seconds."""
        now = datetime.now(UTC)
        wanted = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.key}/{self._scope(now)}",
            "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        if self.token:
            wanted["X-Amz-Security-Token"] = self.token
        address = f"{self.base}/{quote(self.prefix + path)}"
        signature = self._signature(now, "GET", address, wanted, {}, "UNSIGNED-PAYLOAD")
        return f"{address}?{_query(wanted)}&X-Amz-Signature={signature}"

    def unfinished(self) -> Iterator[Unfinished]:
        """All multipart uploads below the prefix. Raises StorageUnavailable."""
        marks = {"prefix": self.prefix}
        while True:
            page = ElementTree.fromstring(self._call("GET", "", {"uploads": "", **marks}))  # noqa: S314 (the store's own answer)
            for node in page.iter():
                if _NAMESPACE.sub("", node.tag) == "Upload":
                    found = _texts(node)
                    since = datetime.fromisoformat(found["Initiated"].replace("Z", "+00:00"))
                    yield Unfinished(found["Key"].removeprefix(self.prefix), found["UploadId"], since)
            found = _texts(page)
            if found.get("IsTruncated") != "true":
                return
            marks |= {"key-marker": found["NextKeyMarker"], "upload-id-marker": found["NextUploadIdMarker"]}

    def abort(self, upload: Unfinished) -> None:
        """Raises StorageUnavailable."""
        self._call("DELETE", self.prefix + upload.path, {"uploadId": upload.upload_id})

    def _call(self, method: str, path: str, query: Mapping[str, str]) -> bytes:
        import httpx

        now = datetime.now(UTC)
        address = f"{self.base}/{quote(path)}" if path else self.base
        headers = {"x-amz-content-sha256": _NOTHING, "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
        if self.token:
            headers["x-amz-security-token"] = self.token
        signature = self._signature(now, method, address, query, headers, _NOTHING)
        names = ";".join(sorted({"host", *headers}))
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{self._scope(now)}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        try:
            answer = httpx.request(
                method, f"{address}?{_query(query)}", headers=headers, timeout=self.timeout
            )
        except httpx.HTTPError as err:
            raise StorageUnavailable(retry_after=5) from err
        if answer.status_code >= 300 and answer.status_code != 404:
            raise StorageUnavailable(f"The store answered {answer.status_code}.", retry_after=5)
        return answer.content

    def _scope(self, now: datetime) -> str:
        return f"{now:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(
        self,
        now: datetime,
        method: str,
        address: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        payload: str,
    ) -> str:
        parts = urlsplit(address)
        signed = {"host": parts.netloc, **headers}
        request = "\n".join(
            [
                method,
                parts.path or "/",
                _query(query),
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                ";".join(sorted(signed)),
                payload,
            ]
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", f"{now:%Y%m%dT%H%M%SZ}", self._scope(now), digest])
        key = f"AWS4{self.secret}".encode()
        for word in (f"{now:%Y%m%d}", self.region, "s3", "aws4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        return hmac.new(key, text.encode(), "sha256").hexdigest()


def _query(values: Mapping[str, str]) -> str:
    """As it is signed: sorted, and all but the plainest characters escaped."""
    return "&".join(f"{quote(key, safe='')}={quote(values[key], safe='')}" for key in sorted(values))


def _texts(node: ElementTree.Element) -> dict[str, str]:
    return {_NAMESPACE.sub("", child.tag): child.text or "" for child in node}
