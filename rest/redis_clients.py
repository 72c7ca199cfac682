"""Clients of the Redis or Valkey that REDIS_URL names: one server, or the primary that Sentinels know.

Here also: what a `sentinel://` URL may say. Must not live here: what is sent or kept there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

SCHEMES: Final = ("sentinel", "rediss+sentinel")
PORT: Final = 26379
SERVICE: Final = "mymaster"
_WORDS: Final = {"service", "sentinel_username", "sentinel_password"}


class WrongUrl(ValueError):
    """What is wrong with a URL, as a sentence."""


@dataclass(frozen=True)
class SentinelUrl:
    """`sentinel://[user:password@]host[:port][,host[:port]…][/db][?service=name]`; by TLS `rediss+sentinel://`.

    User and password are those of the server; the Sentinels' own are in the query as `sentinel_username` and
    `sentinel_password`. The default port is 26379, the default service `mymaster`.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str = SERVICE
    db: int = 0
    tls: bool = False
    login: dict[str, str] = field(default_factory=dict)
    sentinel_login: dict[str, str] = field(default_factory=dict)

    @property
    def broker(self) -> str:
        """As kombu spells it: one URL for each Sentinel."""
        name, secret = (quote(self.login.get(key, ""), safe="") for key in ("username", "password"))
        user = f"{name}:{secret}@" if self.login else ""
        hosts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return ";".join(f"sentinel://{user}{host}/{self.db}" for host in hosts)


def sentinel_url(url: str) -> SentinelUrl | None:
    """What it says; None for a URL of another scheme. Raises WrongUrl."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise WrongUrl("is not a URL") from None
    if parts.scheme not in SCHEMES:
        return None
    user, _, hosts = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in query:
        if name not in _WORDS:
            raise WrongUrl(f"has a parameter {name!r}; it may have {', '.join(sorted(_WORDS))}")
    db = parts.path.strip("/")
    if db and not (db.isdecimal() and db.isascii()):
        raise WrongUrl(f"has {db!r} where the number of a database stands")
    name, _, secret = user.partition(":")
    login = {"username": unquote(name), "password": unquote(secret)}
    return SentinelUrl(
        tuple(_host(each) for each in hosts.split(",")),
        query.get("service") or SERVICE,
        int(db or 0),
        parts.scheme == "rediss+sentinel",
        {key: value for key, value in login.items() if value},
        {key.removeprefix("sentinel_"): query[key] for key in sorted(_WORDS - {"service"}) if query.get(key)},
    )


def check(url: str) -> None:
    """Raises WrongUrl for what no client could be made of. Asks no server; "" is nothing to check."""
    if not url or sentinel_url(url) is not None:
        return
    parts = urlsplit(url)
    number = parts.path.strip("/")
    if parts.scheme != "unix":
        if number and not (number.isdecimal() and number.isascii()):
            raise WrongUrl(f"has {number!r} where the number of a database stands")
        if "db" in dict(parse_qsl(parts.query, keep_blank_values=True)):
            raise WrongUrl(
                "has the number of its database in the query: write it in the path, as host:6379/2"
            )
    try:
        pool = redis.ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        # "Connection.__init__() got an unexpected keyword argument 'x'"
        word = str(error).rpartition("argument ")[2]
        raise WrongUrl(f"has a parameter that no client knows: {word}") from None
    except (ValueError, redis.RedisError) as error:  # of what a parameter says
        raise WrongUrl(f"has a parameter that no client takes: {error}") from None


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise WrongUrl("must name each Sentinel as host:port, with commas between them")
    return host, port or PORT


def client(url: str, **options: Any) -> redis.Redis:
    """`options` are those of `redis.Redis`: timeouts in seconds, `retry`, `max_connections`."""
    found = sentinel_url(url)
    if found is None:
        return redis.Redis.from_url(url, **options)
    asked = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        found.hosts, sentinel_kwargs=_of_sentinels(found, options)
    )
    made: redis.Redis = asked.master_for(  # type: ignore[no-untyped-call]
        found.service, **_of_server(found, options)
    )
    return made


def async_client(url: str, **options: Any) -> redis.asyncio.Redis:
    """The same for asyncio."""
    found = sentinel_url(url)
    if found is None:
        return redis.asyncio.Redis.from_url(url, **options)
    asked = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        found.hosts, sentinel_kwargs=_of_sentinels(found, options)
    )
    made: redis.asyncio.Redis = asked.master_for(found.service, **_of_server(found, options))
    return made


def broker_options(url: str) -> dict[str, Any]:
    """What kombu's transport must be told of the Sentinels of a URL."""
    found = sentinel_url(url)
    if found is None:
        return {}
    return {"master_name": found.service, "sentinel_kwargs": _of_sentinels(found, {"socket_timeout": 2})}


def _of_server(url: SentinelUrl, options: dict[str, Any]) -> dict[str, Any]:
    return {"db": url.db, **url.login, **({"ssl": True} if url.tls else {}), **options}


def _of_sentinels(url: SentinelUrl, options: dict[str, Any]) -> dict[str, Any]:
    # A Sentinel that does not answer must not cost more than the server would.
    patience = options.get("socket_connect_timeout") or options.get("socket_timeout") or 1.0
    timeouts = {"socket_connect_timeout": patience, "socket_timeout": patience}
    return {**timeouts, **url.sentinel_login, **({"ssl": True} if url.tls else {})}
