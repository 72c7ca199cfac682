"""Checks of the variables of PostgreSQL (with replicas and the login of requests) and Redis. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from config.env_reader import Reader, WrongVariable
from rest import redis_clients

POSTGRES = ("postgres", "postgresql")


def one_url(take: Reader, name: str) -> str | None:
    value = take.url(name, POSTGRES)
    if value and not urlsplit(value).path.strip("/"):
        raise WrongVariable(name, "names no database, like postgresql://user@host/name")
    return value


def replica_urls(take: Reader, name: str, database_url: str | None) -> tuple[str, ...]:
    found = []
    for each in (take.text(name) or "").split():
        url = one_url(Reader({name: each}), name)
        found += [url] if url else []
    if found and database_url is None:
        raise WrongVariable(name, "is for a database of your own: set DATABASE_URL too")
    if database_url in found:
        raise WrongVariable(name, "names the primary of DATABASE_URL itself")
    return tuple(found)


def requests_database_url(take: Reader, name: str, database_url: str | None) -> str | None:
    value = one_url(take, name)
    if value is None:
        return None
    if database_url is None:
        raise WrongVariable(name, "is for a database of your own: set DATABASE_URL too")
    if not urlsplit(value).username or urlsplit(value).username == urlsplit(database_url).username:
        raise WrongVariable(name, "names the user of DATABASE_URL, or none: it needs one that owns nothing")
    return value


def redis_url(take: Reader, name: str) -> str | None:
    """Several Sentinels are no URL that `take.url` could read."""
    value = take.text(name) or ""
    sentinels = value.startswith(tuple(f"{scheme}://" for scheme in redis_clients.SCHEMES))
    schemes = ("redis", "rediss", "unix", *redis_clients.SCHEMES)
    found = value if sentinels else take.url(name, schemes)
    try:
        redis_clients.check(found or "")
    except redis_clients.WrongUrl as wrong:
        raise WrongVariable(name, str(wrong)) from None
    return found
