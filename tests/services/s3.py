"""S3 by moto's server: a process beside the tests, and a fresh bucket for whoever asks.

``python -m tests.services.s3 PORT`` is such a server; it ends when its standard input does.
"""

from __future__ import annotations

import atexit
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tests.ports import free_port

KEY, SECRET, REGION = "tiro", "not-a-secret", "us-east-1"


class S3:
    """One server on loopback. What it keeps is in its memory, and gone with it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._port = free_port()
        self.start()

    def start(self) -> None:
        """At the port that it had before."""
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.services.s3", str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._server.stdout is not None
        found = re.search(r"\d+", self._server.stdout.readline())
        assert found, "moto did not start"
        self._port = int(found.group())
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.client: Any = self._client(KEY, SECRET)

    def bucket(self) -> str:
        """The name of a new bucket with nothing in it."""
        name = f"tiro-{next(self._numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def settings(self, bucket: str | None = None, prefix: str = "/recordings") -> dict[str, Any]:
        """Settings of a storage in the bucket, by default in a new one."""
        return {
            "url": f"s3://{bucket or self.bucket()}{prefix}",
            "endpoint": self.endpoint,
            "region": REGION,
            "access_key": KEY,
            "secret_key": SECRET,
        }

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def multiparts(self, bucket: str) -> list[str]:
        """The keys of multipart uploads that have neither been completed nor aborted."""
        found = self.client.list_multipart_uploads(Bucket=bucket)
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def pause(self) -> None:
        """It takes connections and answers nothing, until ``resume``."""
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._server.send_signal(signal.SIGCONT)

    def memory(self) -> int:
        """Bytes that the server's process has resident."""
        with open(f"/proc/{self._server.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        self._server.kill()
        self._server.communicate()
        self.client.close()

    def _client(self, key: str, secret: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )


@cache
def s3() -> S3:
    """The server of this test process. Killed with it, it sees that its standard input ends."""
    service = S3()
    atexit.register(service.stop)
    return service


def _tell_ages() -> None:
    """moto says of every multipart upload that it began in 2010: whoever clears up what was left unfinished
    would take what is still coming in."""
    from moto.s3.models import FakeMultipart
    from moto.s3.responses import S3Response

    begin, answer = FakeMultipart.__init__, S3Response.list_multipart_uploads

    def began(self: Any, *args: Any, **named: Any) -> None:
        begin(self, *args, **named)
        self.began = datetime.now(UTC)

    def listed(self: Any) -> Any:
        status, headers, body = answer(self)
        known = self.backend.list_multipart_uploads(self.bucket_name).values()

        def told(entry: re.Match[str]) -> str:
            [began] = [upload.began for upload in known if upload.id in entry[0]]
            return re.sub("(?<=<Initiated>)[^<]*", began.strftime("%Y-%m-%dT%H:%M:%S.000Z"), entry[0])

        return status, headers, re.sub("(?s)<Upload>.*?</Upload>", told, str(body))

    FakeMultipart.__init__ = began  # type: ignore[method-assign]
    S3Response.list_multipart_uploads = listed  # type: ignore[method-assign]


def _serve(port: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    _tell_ages()
    server = make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True)
    print(server.socket.getsockname()[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
