"""What an operator can set: environment variables ``TIRO_*`` or a ``.env`` file, nested by port.

``TIRO_HTTP_PORT`` is ``settings.http.port``. Only ``bootstrap`` and the command line read this.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ByteSize, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tiro.settings_storage import StorageSettings


def default_data_folder() -> Path:
    """Where data lives when nothing else is said: the platform's folder for a program's data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tiro"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "tiro"


_PLACEHOLDERS = ("change", "secret", "password", "example", "placeholder", "default", "replace", "insecure")


class HttpSettings(BaseModel):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    max_upload: ByteSize = Field(ByteSize(5 * 1000**3), description="Largest upload, such as 5GB.")
    max_wait: float = Field(300.0, gt=0, description="Longest `?wait=` in seconds.")
    upload_expires: float = Field(
        24.0, gt=0, description="Hours for which a resumable upload that nobody continues is kept."
    )
    live_silence: float = Field(
        60.0,
        gt=0,
        description="Seconds without a sign of life after which a recording that is being made in a browser "
        "is finished with what has come of it.",
    )
    origins: str = Field(
        "",
        pattern=r"^\s*(https?://[^\s,/*]+(\s*[\s,]\s*https?://[^\s,/*]+)*)?\s*$",
        description="Origins of web clients elsewhere that may use this server from a browser, such as "
        "https://app.example.org, separated by commas.",
    )

    proxies: str = Field(
        "",
        description="Addresses and networks of proxies whose `X-Forwarded-*` headers are believed, such as "
        "`127.0.0.1, 10.0.0.0/8`; by default none.",
    )
    header_seconds: float = Field(20.0, gt=0, description="Longest time for the headers of a request.")
    body_seconds: float = Field(
        30.0, gt=0, description="Time after which a body that comes more slowly than `body_rate` is ended."
    )
    body_rate: int = Field(240, ge=0, description="Least bytes of a body in a second.")

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        _networks(value)
        return value

    @property
    def believed_proxies(self) -> list[IPv4Network | IPv6Network]:
        return _networks(self.proxies)

    @property
    def origin_list(self) -> tuple[str, ...]:
        return tuple(self.origins.lower().replace(",", " ").split())


def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Raises ValueError where one is none."""
    return [ip_network(name, strict=False) for name in text.replace(",", " ").split()]


class LimitSettings(BaseModel):
    """How often somebody may ask. 0 is no limit."""

    address: int = Field(6000, ge=0, description="Requests of one address in a minute.")
    key: int = Field(6000, ge=0, description="Requests with one key, or of one login's user, in a minute.")
    guesses_address: int = Field(
        60, ge=0, description="Refused logins, refreshs and links from one address in ten minutes."
    )
    guesses_name: int = Field(
        20, ge=0, description="Wrong passwords for one name in ten minutes, from wherever they come."
    )


class QuotaSettings(BaseModel):
    """What one user may have, where an admin has said nothing else for them. 0 is no limit."""

    storage: ByteSize = Field(ByteSize(0), ge=0, description="Bytes of recordings, such as 10GB.")
    minutes: float = Field(0, ge=0, description="Minutes of audio in a day (UTC).")
    jobs: int = Field(0, ge=0, description="Jobs that wait or run at once.")
    uploads: int = Field(1000, ge=0, description="Resumable uploads that are unfinished at once.")


class DatabaseSettings(BaseModel):
    """The database."""

    url: str | None = Field(
        None,
        description="postgresql://user:password@host/name; by default SQLite in the data folder.",
    )
    connections: int = Field(20, ge=2, description="Connections of one process to PostgreSQL at most.")
    wait: float = Field(60.0, ge=0, description="Seconds to wait at the start for a database that is away.")


class BrokerSettings(BaseModel):
    """What carries wake-ups, events and limits between processes."""

    url: SecretStr | None = Field(
        None,
        description="Address of a Redis, such as redis://host:6379/0; by default none, for one process needs "
        "none.",
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss"}:
            raise ValueError("it must begin with redis:// or rediss://")
        return value


class MediaSettings(BaseModel):
    """Limits on one recording."""

    max_duration: float = Field(12 * 3600.0, gt=0, description="Longest recording in seconds, as metered.")
    max_channels: int = Field(16, ge=1, description="Most channels a recording may have.")
    memory: ByteSize = Field(ByteSize(2 * 1024**3), description="Address space of one decoder.")
    cpu_seconds: int = Field(3600, ge=1, description="Processor time of one decoder in seconds.")
    stall_seconds: float = Field(60.0, gt=0, description="Silence after which a decoder is killed.")


class EngineSettings(BaseModel):
    """Speech engines."""

    default: str = Field("auto", description="Engine where a request names none.")
    model: str = Field("small", description="Whisper model that `auto` and plain `whisper` use.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where Whisper runs.")
    compute_type: str = Field("auto", description="CTranslate2 precision, such as int8 or float16.")
    encoder: Literal["auto", "ctranslate2", "onnxruntime"] = Field(
        "auto",
        description="What runs Whisper's encoder on a processor; `auto` measures both once for each model.",
    )
    threads: int = Field(0, ge=0, description="Processor threads of an engine; 0 chooses.")
    download: bool = Field(True, description="Whether a missing model may be downloaded.")
    hubs: str = Field(
        "",
        pattern=r"^\s*(https?://[^\s,]+(\s*[\s,]\s*https?://[^\s,]+)*)?\s*$",
        description="Addresses of model hubs, such as a mirror's, separated by commas and tried in this "
        "order; by default that of HF_ENDPOINT, or Hugging Face's own.",
    )
    idle_seconds: float = Field(300.0, gt=0, description="Idle time after which a model is unloaded.")
    stall_seconds: float = Field(
        120.0, gt=0, description="Time without a sign of life after which an engine at work is killed."
    )

    @property
    def hub_addresses(self) -> tuple[str, ...]:
        return tuple(self.hubs.replace(",", " ").split())


class TranscriptionSettings(BaseModel):
    """What holds for every recording."""

    vocabulary: str = Field(
        "", description="Names and terms to expect in all recordings, with commas; added to a request's own."
    )
    prompt: str = Field("", description="Text that could stand before a recording that comes with none.")
    language: str = Field("", description="Of recordings that come with none: a code, or `mixed`.")
    beam: int | None = Field(
        None, ge=1, le=16, description="Hypotheses side by side; 5 where nothing is said."
    )
    guard_off: str = Field("", description="Rules against invented text and cross-talk that are off.")


class OpenAISettings(BaseModel):
    """The OpenAI-compatible server that the engine `openai` sends audio to. No other engine sends any."""

    url: str | None = Field(
        None, description="Such as http://host:8000/v1; OpenAI's own server where only a key is given."
    )
    key: SecretStr | None = Field(None, description="The server's key, where it wants one.")
    model: str = Field("whisper-1", description="The server's name for the model.")
    connect_seconds: float = Field(10.0, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(120.0, gt=0, description="Longest time of one try.")
    fallback: str = Field(
        "none",
        description="Engine on this machine that goes on where the server fails: `none`, `auto`, or a name "
        "such as `whisper:small`.",
    )
    # 600 s are 19.2 MB, below the 25 MB that OpenAI's server takes at most.
    window: float = Field(30.0, ge=5, le=600, description="Longest audio of one upload in seconds.")

    @field_validator("fallback")
    @classmethod
    def _is_local(cls, value: str) -> str:
        name = value.strip() or "none"
        if name.lower().partition(":")[0] == "openai":
            raise ValueError("it must be another engine than `openai` itself")
        return name


class CompatSettings(BaseModel):
    """OpenAI's audio API, under `/v1`."""

    keep: bool = Field(
        False, description="Whether recordings sent there are kept; else they go with the answer."
    )


class JobSettings(BaseModel):
    """Jobs."""

    parallel: int = Field(2, ge=1, description="Jobs at work at once.")
    lease_seconds: float = Field(15.0, gt=0, description="Time after which a dead worker's job is free.")
    attempts: int = Field(3, ge=1, description="Tries before a job counts as failed.")
    queued: int = Field(
        100_000, ge=1, description="Jobs that may wait; whoever sends more is asked to come back later."
    )


class AuthSettings(BaseModel):
    """Logins with a password. Keys need none of this."""

    secret: SecretStr | None = Field(
        None,
        description="Signs logins: 32 or more random characters, such as from `openssl rand -hex 32`. "
        "By default made at the first start and kept in the data folder.",
    )

    @field_validator("secret")
    @classmethod
    def _is_random(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_random(value.get_secret_value())
        return value


def check_random(secret: str) -> None:
    """Raises ValueError where it looks like a placeholder: whoever knows it can log in as anybody."""
    if len(secret) < 32:
        raise ValueError("it must have 32 characters or more; `openssl rand -hex 32` makes one")
    plain = re.sub(r"[^a-z]", "", secret.lower())
    if len(set(secret)) < 10 or any(word in plain for word in _PLACEHOLDERS):
        raise ValueError("it looks like a placeholder; `openssl rand -hex 32` makes a random one")


_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OidcSettings(BaseModel):
    """Logins at an identity provider that speaks OpenID Connect. Off where no issuer is set."""

    issuer: str | None = Field(
        None,
        description="The provider's address, exactly as it names itself, such as https://id.example.org.",
    )
    client_id: str = Field("", description="How the provider knows this server.")
    client_secret: SecretStr | None = Field(None, description="Where the provider gave one.")
    scopes: str = Field("openid profile", description="What is asked for, with spaces between.")
    registration: bool = Field(
        False, description="Whether whoever the provider knows gets a user here; else only who is linked."
    )
    redirect: str | None = Field(
        None,
        description="This server's `…/api/v1/auth/oidc/callback` as browsers reach it; by default under the "
        "address with which they asked.",
    )

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            return value
        raise ValueError(
            "it must begin with https://, for whoever can alter its answers can log in as anyone"
        )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("TIRO_OIDC_ISSUER needs TIRO_OIDC_CLIENT_ID")
        if "openid" not in self.scopes.split():
            raise ValueError("TIRO_OIDC_SCOPES must have the scope openid")
        return self


class EgressSettings(BaseModel):
    """Calls to addresses that users name: webhooks."""

    allow: str = Field(
        "",
        description="Networks, addresses and names that may be called although they are not public, "
        "separated by commas, such as `10.1.0.0/16, hooks.corp.example`.",
    )

    @field_validator("allow")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        for entry in _entries(value):
            if "/" in entry or entry.replace(".", "").isdecimal() or ":" in entry:
                ipaddress.ip_network(entry, strict=False)
        return value

    @property
    def allowed(self) -> tuple[str, ...]:
        return _entries(self.allow)


def _entries(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


class WebhookSettings(BaseModel):
    """Webhooks."""

    answer_seconds: float = Field(15.0, gt=0, le=60, description="Longest wait for a receiver's answer.")
    keep_days: float = Field(30.0, gt=0, description="Days for which deliveries that have ended are shown.")


class AuditSettings(BaseModel):
    """The audit log."""

    days: int = Field(365, ge=1, description="Days for which entries of the audit log are kept.")


class RetentionSettings(BaseModel):
    """How long recordings are kept at most. Users may choose less."""

    media_days: int | None = Field(
        None,
        ge=0,
        description="Days after which a recording's file is removed, once it has been worked on; 0 as soon "
        "as its transcript is finished. Where there is none, it stays for 7 days after the last job. By "
        "default files are kept.",
    )
    recording_days: int | None = Field(
        None,
        ge=1,
        description="Days after which whole recordings are removed, with their text. By default they stay.",
    )


class LogSettings(BaseModel):
    """Logs, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level shown.")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto` is text on a terminal and JSON elsewhere."
    )


class MetricsSettings(BaseModel):
    """Metrics on a port of their own, without a key: whoever reaches it may read them."""

    host: str = Field("127.0.0.1", description="Address where metrics are served without a key.")
    port: int = Field(
        0, ge=0, le=65535, description="Port where metrics are served without a key; 0 serves none."
    )


class TracesSettings(BaseModel):
    """Traces."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+",
        description="Collector that traces are sent to by OTLP over HTTP, such as `http://jaeger:4318`; by "
        "default that of OTEL_EXPORTER_OTLP_ENDPOINT, or none.",
    )


class Settings(BaseSettings):
    """All settings. Each has a default that needs no thought."""

    model_config = SettingsConfigDict(
        env_prefix="TIRO_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        # Compose and Kubernetes pass on what nobody has set as an empty text.
        env_ignore_empty=True,
        env_file=".env",
        extra="ignore",
    )

    data: Path = Field(
        default_factory=default_data_folder, description="Data folder: database, recordings, key."
    )
    models: Path | None = Field(None, description="Folder of models; by default in the data folder.")
    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    engine: EngineSettings = EngineSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    openai: OpenAISettings = OpenAISettings()
    compat: CompatSettings = CompatSettings()
    jobs: JobSettings = JobSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    quota: QuotaSettings = QuotaSettings()
    oidc: OidcSettings = OidcSettings()
    egress: EgressSettings = EgressSettings()
    webhooks: WebhookSettings = WebhookSettings()
    audit: AuditSettings = AuditSettings()
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()

    @property
    def clustered(self) -> bool:
        """Whether other processes may share the rows: nothing may be taken for dead just because it is not
        this process's."""
        url = self.database.url
        return self.broker.url is not None or bool(url and not url.startswith("sqlite"))

    @property
    def models_folder(self) -> Path:
        return self.models or self.data / "models"


def variables() -> dict[str, Literal["environment", "file"]]:
    """Where the variables come from that somebody has set, by their names in capitals."""
    from dotenv import dotenv_values

    found: dict[str, Literal["environment", "file"]] = {
        name.upper(): "file"
        for name, value in dotenv_values(str(Settings.model_config["env_file"])).items()
        if value
    }
    # The environment goes before the file.
    return found | {name.upper(): "environment" for name, value in os.environ.items() if value}
