"""The only reader of the process environment: every variable, its default, its check.

Lives here: names, types, defaults and one-line errors. Must not live here: anything that acts on a value.
`read(mapping)` is pure; `load()` reads `os.environ` once per process.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from calling.speech import installed as speech
from rest import redis_clients

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = ("postgres", "postgresql")
WILDCARDS = frozenset({"0.0.0.0", "::"})
_BROADCAST = ipaddress.ip_address("255.255.255.255")
MOST_PLACES = 8  # addresses of media: each costs a leg a socket


class WrongVariable(Exception):
    """A variable whose value cannot be used; `str()` is the one line to print."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


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


class _Reader:
    """Takes values out of a mapping; an empty value counts as unset."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self.mapping = mapping

    def text(self, name: str) -> str | None:
        value = self.mapping.get(name, "").strip()
        if "\x00" in value or "\n" in value:
            raise WrongVariable(name, "must be one line of text")
        if not _is_utf_8(value):
            raise WrongVariable(name, "must be UTF-8 text")
        return value or None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise WrongVariable(name, f"must be a whole number from {low} to {high}, got {value[:40]!r}")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in {"1", "true", "yes", "on"}:
            return True
        if value.lower() in {"0", "false", "no", "off"}:
            return False
        raise WrongVariable(name, f"must be 1 or 0, got {value[:40]!r}")

    def address(self, name: str, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            found = ipaddress.ip_address(value)
        except ValueError:
            raise WrongVariable(name, f"must be an IP address, got {value[:60]!r}") from None
        if found.is_multicast or found == _BROADCAST:
            raise WrongVariable(name, f"must be the address of one machine, got {value[:60]!r}")
        return str(found)

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise WrongVariable(name, "is not a URL") from None
        if parts.scheme not in schemes:
            raise WrongVariable(name, f"must start with {' or '.join(s + '://' for s in schemes)}")
        if not (parts.hostname or "host=" in parts.query or parts.path.strip("/")):
            raise WrongVariable(name, "names no host and no socket")
        return value


def _is_utf_8(text: str) -> bool:
    """Whether the bytes that the system gave were: others stand in it as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _redis_url(take: _Reader) -> str | None:
    """Several Sentinels are no URL that `take.url` could read."""
    name = "REDIS_URL"
    value = take.text(name) or ""
    sentinels = value.startswith(tuple(f"{scheme}://" for scheme in redis_clients.SCHEMES))
    schemes = ("redis", "rediss", "unix", *redis_clients.SCHEMES)
    found = value if sentinels else take.url(name, schemes)
    try:
        redis_clients.check(found or "")
    except redis_clients.WrongUrl as wrong:
        raise WrongVariable(name, str(wrong)) from None
    return found


def read(mapping: Mapping[str, str]) -> Environment:
    """Checks every variable of `mapping`; raises WrongVariable for the first that is wrong."""
    take = _Reader(mapping)
    bind = take.address("CALLWRIGHT_BIND", take.text("CALLWRIGHT_BIND") or "127.0.0.1")
    http_port = take.number("CALLWRIGHT_HTTP_PORT", 8000, 1, 65535)
    https_port = take.number("CALLWRIGHT_HTTPS_PORT", 8443, 0, 65535)
    if http_port == https_port:
        raise WrongVariable("CALLWRIGHT_HTTPS_PORT", f"{https_port} is CALLWRIGHT_HTTP_PORT already")
    database_url = _database_url(take, "DATABASE_URL")
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
        requests_database_url=_requests_database_url(take, database_url),
        replica_urls=_replica_urls(take, database_url),
        replica_lag_seconds=take.number("CALLWRIGHT_REPLICA_LAG_SECONDS", 5, 1, 3600),
        redis_url=_redis_url(take),
        web_processes=take.number("CALLWRIGHT_WEB_PROCESSES", 1, 1, 64),
        media_workers=take.number("CALLWRIGHT_MEDIA_WORKERS", min(cores(), 256), 1, 256),
        speech_workers=take.number("CALLWRIGHT_SPEECH_WORKERS", speech_workers, 0, 64),
        media_places=_media_ip(take, bind),
        media_ports=_media_ports(take),
        media_mux=_media_mux(take),
        media_loop=_media_loop(take),
        sip_port=take.number("CALLWRIGHT_SIP_PORT", 5060, 0, 65535),
        sip_edge=_sip_edge(take, bind),
        smtp_url=take.url("CALLWRIGHT_SMTP_URL", ("smtp", "smtps")),
        mail_from=_mail_from(take),
        oidc_issuer=(issuer := _oidc_issuer(take)),
        oidc_client_id=take.text("CALLWRIGHT_OIDC_CLIENT_ID") or "",
        oidc_client_secret=take.text("CALLWRIGHT_OIDC_CLIENT_SECRET") or "",
        oidc_name=_oidc_name(take, issuer),
        audio_red=take.flag("CALLWRIGHT_AUDIO_RED", True),
        sip_silence_seconds=take.number("CALLWRIGHT_SIP_SILENCE_SECONDS", 60, 0, 86400),
        turn_port=take.number("CALLWRIGHT_TURN_PORT", 3478, 0, 65535),
        ice_servers=_ice_servers(take),
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


def _database_url(take: _Reader, name: str) -> str | None:
    return _named_database(name, take.url(name, POSTGRES))


def _named_database(name: str, value: str | None) -> str | None:
    if value and not urlsplit(value).path.strip("/"):
        raise WrongVariable(name, "names no database, like postgresql://user@host/name")
    return value


def _replica_urls(take: _Reader, database_url: str | None) -> tuple[str, ...]:
    name = "DATABASE_REPLICA_URL"
    found = []
    for each in (take.text(name) or "").split():
        url = _named_database(name, _Reader({name: each}).url(name, POSTGRES))
        found += [url] if url else []
    if found and database_url is None:
        raise WrongVariable(name, "is for a database of your own: set DATABASE_URL too")
    if database_url in found:
        raise WrongVariable(name, "names the primary of DATABASE_URL itself")
    return tuple(found)


def _requests_database_url(take: _Reader, database_url: str | None) -> str | None:
    name = "CALLWRIGHT_REQUESTS_DATABASE_URL"
    value = _database_url(take, name)
    if value is None:
        return None
    if database_url is None:
        raise WrongVariable(name, "is for a database of your own: set DATABASE_URL too")
    if not urlsplit(value).username or urlsplit(value).username == urlsplit(database_url).username:
        raise WrongVariable(name, "names the user of DATABASE_URL, or none: it needs one that owns nothing")
    return value


def _data_dir(take: _Reader) -> Path:
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
    if not _is_utf_8(str(path)):  # of the checkout; sockets in it stand in URLs
        raise WrongVariable(name, "lies in a directory whose name is not UTF-8")
    return path


def _domain(take: _Reader, https_port: int) -> str:
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


def _recordings_url(take: _Reader) -> str | None:
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


def _networks(take: _Reader, name: str) -> tuple[str, ...]:
    networks = [part.strip() for part in (take.text(name) or "").split(",") if part.strip()]
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise WrongVariable(name, f"must be addresses or networks, got {network[:60]!r}") from None
    return tuple(networks)


def _ws_origins(take: _Reader) -> tuple[str, ...] | None:
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


def _project_id(take: _Reader) -> uuid.UUID | None:
    value = take.text("CALLWRIGHT_PROJECT_ID")
    try:
        return uuid.UUID(value) if value else None
    except ValueError:
        raise WrongVariable("CALLWRIGHT_PROJECT_ID", "must be a UUID") from None


def _mail_from(take: _Reader) -> str:
    value = take.text("CALLWRIGHT_MAIL_FROM") or "callwright@localhost"
    if not re.fullmatch(r"[^@<>\s]{1,64}@[A-Za-z0-9.-]{1,190}", value):
        raise WrongVariable("CALLWRIGHT_MAIL_FROM", f"must be a mail address, got {value[:60]!r}")
    return value


def _oidc_issuer(take: _Reader) -> str | None:
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


def _oidc_name(take: _Reader, issuer: str | None) -> str:
    name = "CALLWRIGHT_OIDC_NAME"
    value = take.text(name) or urlsplit(issuer or "").hostname or ""
    if len(value) > 40:
        if take.text(name):
            raise WrongVariable(name, "has at most 40 characters")
        value = "single sign-on"
    return value


def _api_token(take: _Reader, bind: str) -> str | None:
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


def _sip_edge(take: _Reader, bind: str) -> tuple[str, int]:
    name = "CALLWRIGHT_SIP_EDGE"
    value = take.text(name)
    if value is None:
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
        return local, take.number("CALLWRIGHT_SIP_PORT", 5060, 0, 65535)
    try:
        parts = urlsplit(f"//{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.netloc != value:
        raise WrongVariable(name, f"must be host:port, got {value[:80]!r}")
    return host, port


def _media_ip(take: _Reader, bind: str) -> tuple[tuple[str, str], ...]:
    """Each `bind[/advertised]`; by default where the web is, loopback, and the primary addresses."""
    name = "CALLWRIGHT_MEDIA_IP"
    value = take.text(name)
    if value is None:
        first = primary_address() if bind in WILDCARDS else bind
        found = [first, "127.0.0.1", primary_address(), primary_address_6()]
        return tuple((each, each) for each in dict.fromkeys(found) if each is not None)
    places = dict.fromkeys(_media_place(take, name, part.strip()) for part in value.split(","))
    if len(places) > MOST_PLACES:
        raise WrongVariable(name, f"lists more than {MOST_PLACES} addresses")
    return tuple(places)


def _media_place(take: _Reader, name: str, text: str) -> tuple[str, str]:
    own, slash, shown = text.partition("/")
    own = take.address(name, own)
    fallback = own
    if own in WILDCARDS:
        fallback = primary_address() if own == "0.0.0.0" else primary_address_6() or own
    advertised = take.address(name, shown) if slash else fallback
    if advertised in WILDCARDS:
        raise WrongVariable(name, "the advertised address cannot be a wildcard")
    return own, advertised


def _media_ports(take: _Reader) -> tuple[int, int]:
    name = "CALLWRIGHT_MEDIA_PORTS"
    value = take.text(name) or "40000-49999"
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value)
    low, high = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (low >= 1024 and low + 9 <= high <= 65535):
        raise WrongVariable(name, f"must be low-high, 1024 to 65535, at least 10 ports, got {value[:40]!r}")
    return low, high


def _media_mux(take: _Reader) -> bool:
    name, linux = "CALLWRIGHT_MEDIA_MUX", sys.platform == "linux"
    chosen = take.flag(name, linux)
    if chosen and not linux:
        raise WrongVariable(name, "takes Linux")  # epoll, and sockets that share a port by far address
    return chosen


def _media_loop(take: _Reader) -> str:
    name = "CALLWRIGHT_MEDIA_LOOP"
    value = take.text(name) or "auto"
    if value not in ("auto", "c", "python"):
        raise WrongVariable(name, f"must be auto, c or python, got {value[:40]!r}")
    return value


def _ice_servers(take: _Reader) -> tuple[dict[str, Any], ...] | None:
    name = "CALLWRIGHT_ICE_SERVERS"
    value = take.text(name)
    if value is None:
        return None
    try:
        servers = json.loads(value)
    except ValueError:
        raise WrongVariable(name, "is not JSON") from None
    if not isinstance(servers, list):
        raise WrongVariable(name, "must be a JSON list of servers")
    for server in servers:
        if not isinstance(server, dict) or set(server) - {"urls", "username", "credential", "secret"}:
            raise WrongVariable(name, "each server is {urls, username?, credential?, secret?}")
        urls = server.get("urls")
        listed = urls if isinstance(urls, list) else [urls]
        if not listed or not all(isinstance(u, str) and re.match(r"(stun|turn)s?:\S", u) for u in listed):
            raise WrongVariable(name, "urls must be stun:, stuns:, turn: or turns: addresses")
        if not all(isinstance(server.get(k, ""), str) for k in ("username", "credential", "secret")):
            raise WrongVariable(name, "username, credential and secret are text")
    return tuple(servers)


def cores() -> int:
    """The cores this process may use; a container is often given fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def listening_at(bind: str) -> tuple[str, ...]:
    """What is bound for an address to listen on, each with a socket of its own IP version: so an IPv4 peer of
    `::` is known by its IPv4 address, and not by one of IPv6 that holds it."""
    return ("::", "0.0.0.0") if bind == "::" else (bind,)


def primary_address() -> str:
    """The address this machine would leave from (no packet is sent); 127.0.0.1 without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def primary_address_6() -> str | None:
    """The same of IPv6; None where the machine has no address that leads out."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 9))
            found = ipaddress.ip_address(probe.getsockname()[0])
    except OSError:
        return None
    return None if found.is_loopback or found.is_link_local else str(found)
