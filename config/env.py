"""The only reader of the process environment: every variable, its default, its check.

The longer checks are in `env_databases` and `env_network`; all names are here. Must not live here: anything
that acts on a value. `read(mapping)` is pure; `load()` reads `os.environ` once per process.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from calling.speech import installed as speech
from config import env_databases, env_network
from config.env_reader import Reader, WrongVariable, is_utf_8

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """Every setting of one instance, checked. Ports are ints (0 = off where allowed), times seconds."""

    http_port: int
    https_port: int
    bind: str
    domain: str
    data_dir: Path
    secret_key: str | None
    old_secret_keys: tuple[str, ...]
    project_id: uuid.UUID | None
    api_token: str | None
    admin_password: str | None
    database_url: str | None
    requests_database_url: str | None  # the login that owns nothing; None: one login for all
    replica_urls: tuple[str, ...]  # standbys of that database
    replica_lag_seconds: int
    redis_url: str | None
    web_processes: int
    media_workers: int
    speech_workers: int
    media_places: tuple[tuple[str, str], ...]  # (bind, advertised), the first where one must be named
    media_ports: tuple[int, int]
    media_mux: bool  # browsers' legs of a media worker share one port
    media_loop: str  # who forwards packets there: auto, c or python
    sip_port: int
    sip_edge: tuple[str, int]  # (host, port) where web processes reach an edge
    audio_red: bool
    sip_silence_seconds: int
    smtp_url: str | None
    mail_from: str
    oidc_issuer: str | None
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    turn_port: int
    ice_servers: tuple[dict[str, Any], ...] | None
    allow_private_urls: bool
    ring_seconds: int
    max_call_seconds: int
    drain_seconds: int
    messages_per_second: int
    messages_burst: int
    dials_per_second: int
    database_pool: int
    trusted_proxies: tuple[str, ...]
    private_networks: tuple[str, ...]
    ws_origins: tuple[str, ...] | None
    media_legs: int
    max_calls_guest: int
    max_calls_subscriber: int
    project_share: int
    retention_days: int
    call_retention_days: int
    recordings_url: str | None

    @property
    def domain_host(self) -> str:
        """The domain without its port."""
        return urlsplit(f"//{self.domain}").hostname or self.domain

    @property
    def media_bind(self) -> str:
        """Where the media sockets of SIP and TURN are."""
        return self.media_places[0][0]

    @property
    def media_advertised(self) -> str:
        """How others know that address."""
        return self.media_places[0][1]

    @property
    def turn_enabled(self) -> bool:
        return self.turn_port != 0 and self.ice_servers is None


def read(mapping: Mapping[str, str]) -> Environment:
    """Checks every variable of `mapping`; raises WrongVariable for the first that is wrong."""
    take = Reader(mapping)
    bind = take.address("CALLWRIGHT_BIND", take.text("CALLWRIGHT_BIND") or "127.0.0.1")
    http_port = take.number("CALLWRIGHT_HTTP_PORT", 8000, 1, 65535)
    https_port = take.number("CALLWRIGHT_HTTPS_PORT", 8443, 0, 65535)
    if http_port == https_port:
        raise WrongVariable("CALLWRIGHT_HTTPS_PORT", f"{https_port} is CALLWRIGHT_HTTP_PORT already")
    database_url = env_databases.one_url(take, "DATABASE_URL")
    data_dir = _data_dir(take)
    speech_workers = int(speech.anything(data_dir / "speech-models"))
    return Environment(
        http_port=http_port,
        https_port=https_port,
        bind=bind,
        domain=_domain(take, https_port),
        data_dir=data_dir,
        secret_key=take.text("CALLWRIGHT_SECRET_KEY"),
        old_secret_keys=tuple((take.text("CALLWRIGHT_OLD_SECRET_KEYS") or "").replace(",", " ").split()),
        project_id=_project_id(take),
        api_token=_api_token(take, bind),
        admin_password=take.text("CALLWRIGHT_ADMIN_PASSWORD"),
        database_url=database_url,
        requests_database_url=env_databases.requests_database_url(
            take, "CALLWRIGHT_REQUESTS_DATABASE_URL", database_url
        ),
        replica_urls=env_databases.replica_urls(take, "DATABASE_REPLICA_URL", database_url),
        replica_lag_seconds=take.number("CALLWRIGHT_REPLICA_LAG_SECONDS", 5, 1, 3600),
        redis_url=env_databases.redis_url(take, "REDIS_URL"),
        web_processes=take.number("CALLWRIGHT_WEB_PROCESSES", 1, 1, 64),
        media_workers=take.number("CALLWRIGHT_MEDIA_WORKERS", min(cores(), 256), 1, 256),
        speech_workers=take.number("CALLWRIGHT_SPEECH_WORKERS", speech_workers, 0, 64),
        media_places=env_network.media_ip(take, "CALLWRIGHT_MEDIA_IP", bind),
        media_ports=env_network.media_ports(take, "CALLWRIGHT_MEDIA_PORTS"),
        media_mux=env_network.media_mux(take, "CALLWRIGHT_MEDIA_MUX"),
        media_loop=env_network.media_loop(take, "CALLWRIGHT_MEDIA_LOOP"),
        sip_port=(sip_port := take.number("CALLWRIGHT_SIP_PORT", 5060, 0, 65535)),
        sip_edge=env_network.sip_edge(take, "CALLWRIGHT_SIP_EDGE", bind, sip_port),
        smtp_url=take.url("CALLWRIGHT_SMTP_URL", ("smtp", "smtps")),
        mail_from=_mail_from(take),
        oidc_issuer=(issuer := _oidc_issuer(take)),
        oidc_client_id=take.text("CALLWRIGHT_OIDC_CLIENT_ID") or "",
        oidc_client_secret=take.text("CALLWRIGHT_OIDC_CLIENT_SECRET") or "",
        oidc_name=_oidc_name(take, issuer),
        audio_red=take.flag("CALLWRIGHT_AUDIO_RED", True),
        sip_silence_seconds=take.number("CALLWRIGHT_SIP_SILENCE_SECONDS", 60, 0, 86400),
        turn_port=take.number("CALLWRIGHT_TURN_PORT", 3478, 0, 65535),
        ice_servers=env_network.ice_servers(take, "CALLWRIGHT_ICE_SERVERS"),
        allow_private_urls=take.flag("CALLWRIGHT_ALLOW_PRIVATE_URLS", database_url is None),
        ring_seconds=take.number("CALLWRIGHT_RING_SECONDS", 45, 1, 600),
        max_call_seconds=take.number("CALLWRIGHT_MAX_CALL_SECONDS", 14400, 1, 86400),
        drain_seconds=take.number("CALLWRIGHT_DRAIN_SECONDS", 1800, 0, 86400),
        messages_per_second=take.number("CALLWRIGHT_MESSAGES_PER_SECOND", 50, 1, 100_000),
        messages_burst=take.number("CALLWRIGHT_MESSAGES_BURST", 200, 1, 1_000_000),
        dials_per_second=take.number("CALLWRIGHT_DIALS_PER_SECOND", 100, 1, 100_000),
        database_pool=take.number("CALLWRIGHT_DATABASE_POOL", 16, 2, 500),
        trusted_proxies=_networks(take, "CALLWRIGHT_TRUSTED_PROXIES"),
        private_networks=_networks(take, "CALLWRIGHT_PRIVATE_NETWORKS"),
        ws_origins=_ws_origins(take),
        media_legs=take.number("CALLWRIGHT_MEDIA_LEGS", 250, 1, 100_000),
        max_calls_guest=take.number("CALLWRIGHT_MAX_CALLS_GUEST", 3, 1, 100_000),
        max_calls_subscriber=take.number("CALLWRIGHT_MAX_CALLS_SUBSCRIBER", 20, 1, 100_000),
        project_share=take.number("CALLWRIGHT_PROJECT_SHARE", 60, 1, 100),
        retention_days=take.number("CALLWRIGHT_RETENTION_DAYS", 30, 1, 3650),
        call_retention_days=take.number("CALLWRIGHT_CALL_RETENTION_DAYS", 0, 0, 36500),
        recordings_url=_recordings_url(take),
    )


@cache
def load() -> Environment:
    """The environment of this process; a wrong value ends it with one line on stderr and status 2."""
    with told_in_one_line():
        return read(os.environ)


@contextlib.contextmanager
def told_in_one_line() -> Iterator[None]:
    """A wrong value ends the process with one line on stderr and status 2."""
    try:
        yield
    except WrongVariable as wrong:
        os.write(2, f"callwright: {wrong}\n".encode(errors="backslashreplace"))
        raise SystemExit(2) from None


def _data_dir(take: Reader) -> Path:
    name = "CALLWRIGHT_DATA_DIR"
    try:
        path = Path(take.text(name) or ".callwright").expanduser()
        path = path if path.is_absolute() else ROOT / path
        if path.exists() and not path.is_dir():
            raise WrongVariable(name, f"{path} is not a directory")
    except RuntimeError:  # of ~ or ~somebody
        raise WrongVariable(name, "begins with a home directory that is not known") from None
    except OSError as error:
        raise WrongVariable(name, f"cannot be used: {error.strerror}") from None
    if not is_utf_8(str(path)):  # of the checkout; sockets in it stand in URLs
        raise WrongVariable(name, "lies in a directory whose name is not UTF-8")
    return path


def _domain(take: Reader, https_port: int) -> str:
    value = take.text("CALLWRIGHT_DOMAIN")
    if value is None:
        return f"localhost:{https_port}"
    try:
        parts = urlsplit(f"//{value}")
        fine = bool(parts.hostname) and parts.netloc == value and parts.port != 0 and "@" not in value
    except ValueError:
        fine = False
    if not fine or not re.fullmatch(
        r"(?=[^:]{1,253}(:|$))[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?", value
    ):
        raise WrongVariable("CALLWRIGHT_DOMAIN", f"must be host or host:port, got {value[:80]!r}")
    return value.lower()


def _recordings_url(take: Reader) -> str | None:
    name = "CALLWRIGHT_RECORDINGS_URL"
    value = take.url(name, ("s3", "s3+http"))
    if value is None:
        return None
    parts = urlsplit(value)
    if not (parts.username and parts.password and parts.path.strip("/")):
        raise WrongVariable(name, "must be s3://KEY:SECRET@host/bucket[/prefix][?region=…]")
    if find_spec("boto3") is None or find_spec("storages") is None:
        raise WrongVariable(name, 'needs more packages: .venv/bin/pip install "django-storages[s3]>=1.14.6"')
    return value


def _networks(take: Reader, name: str) -> tuple[str, ...]:
    networks = [part.strip() for part in (take.text(name) or "").split(",") if part.strip()]
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise WrongVariable(name, f"must be addresses or networks, got {network[:60]!r}") from None
    return tuple(networks)


def _ws_origins(take: Reader) -> tuple[str, ...] | None:
    name = "CALLWRIGHT_WS_ORIGINS"
    value = take.text(name)
    if value is None:
        return None
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    if not origins:
        raise WrongVariable(name, "names no origin; leave it empty for any")
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]{1,260}", origin) or not _has_port_or_none(origin):
            raise WrongVariable(name, f"must be origins like https://app.example.com, got {origin[:60]!r}")
    return origins


def _has_port_or_none(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _project_id(take: Reader) -> uuid.UUID | None:
    value = take.text("CALLWRIGHT_PROJECT_ID")
    try:
        return uuid.UUID(value) if value else None
    except ValueError:
        raise WrongVariable("CALLWRIGHT_PROJECT_ID", "must be a UUID") from None


def _mail_from(take: Reader) -> str:
    value = take.text("CALLWRIGHT_MAIL_FROM") or "callwright@localhost"
    if not re.fullmatch(r"[^@<>\s]{1,64}@[A-Za-z0-9.-]{1,190}", value):
        raise WrongVariable("CALLWRIGHT_MAIL_FROM", f"must be a mail address, got {value[:60]!r}")
    return value


def _oidc_issuer(take: Reader) -> str | None:
    """Over plain http only where nobody is in between: what it says decides who is let in."""
    name = "CALLWRIGHT_OIDC_ISSUER"
    value = take.url(name, ("https", "http"))
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.username or not parts.hostname:
        raise WrongVariable(name, "must be a URL without user, query and fragment")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise WrongVariable(name, "must start with https://; http:// is for an issuer on this machine")
    if not take.text("CALLWRIGHT_OIDC_CLIENT_ID"):
        raise WrongVariable("CALLWRIGHT_OIDC_CLIENT_ID", "is missing: CALLWRIGHT_OIDC_ISSUER is set")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _oidc_name(take: Reader, issuer: str | None) -> str:
    name = "CALLWRIGHT_OIDC_NAME"
    value = take.text(name) or urlsplit(issuer or "").hostname or ""
    if len(value) > 40:
        if take.text(name):
            raise WrongVariable(name, "has at most 40 characters")
        value = "single sign-on"
    return value


def _api_token(take: Reader, bind: str) -> str | None:
    """A short one can be guessed, so it is taken only where nobody else can reach the instance."""
    value = take.text("CALLWRIGHT_API_TOKEN")
    if value is None:
        return None
    least = 1 if ipaddress.ip_address(bind).is_loopback else 32
    if not re.fullmatch(rf"[\x21-\x7e]{{{least},200}}", value):
        where = "" if least == 1 else f" where CALLWRIGHT_BIND is {bind}"
        what = f"must be {least} to 200 printable ASCII characters, no space{where}"
        raise WrongVariable("CALLWRIGHT_API_TOKEN", what)
    return value


def cores() -> int:
    """The cores this process may use; a container is often given fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
