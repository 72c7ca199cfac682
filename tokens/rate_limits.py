"""Rates, atomic over all processes: a token bucket in Redis, in one script call (docs/security.md#r18).

DRF's throttles read and write in two steps and so let bursts through; this does not. Without Redis a
small static limit per process stands in, never no limit.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading
from functools import lru_cache
from typing import ClassVar, cast

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

import clock
from rest import errors, rate_headers, redis_clients
from rest.rate_headers import Quota
from tokens.subjects import ApiKey, Subject, name_of

log = logging.getLogger(__name__)

# KEYS[1] bucket; ARGV rate per second, burst, how many (1, 0 to look, or -1 to put one back). Time is the
# server's, in microseconds. Answers 0 when one token was taken, else the microseconds until there is one; and
# how many are left, as text.
_SCRIPT = """
local now = redis.call('TIME')
local micros = now[1] * 1000000 + now[2]
local rate, burst, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or micros
tokens = math.min(burst, tokens + math.max(0, micros - at) * rate / 1000000)
local wait = 0
if tokens >= count then tokens = math.min(burst, tokens - count)
else wait = math.ceil((1 - tokens) * 1000000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', micros))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {wait, string.format('%.6f', tokens)}
"""
# The share of a limit that one process grants alone while Redis is unavailable.
STATIC_SHARE = 0.1
_RETRY_REDIS_SECONDS = 1.0
_MOST_KEPT = 10_000


class _Alone:
    """Buckets of this process, used while Redis is unavailable."""

    lock = threading.Lock()
    buckets: ClassVar[dict[str, tuple[float, float]]] = {}
    redis_failed_at = float("-inf")


def take(bucket: str, rate: float, burst: float) -> float | None:
    """Takes one from `bucket`, which refills at `rate` per second up to `burst`.

    None when there was one; else the seconds until there is (for Retry-After). Blocks at most a fraction
    of a second.
    """
    return _take(bucket, rate, burst)[0]


def take_told(bucket: str, rate: float, burst: float) -> float | None:
    """`take`, and the current request's answer reports this limit (`rest.rate_headers`)."""
    wait, quota = _take(bucket, rate, burst)
    rate_headers.note(quota)
    return wait


def tell(bucket: str, rate: float, burst: float) -> None:
    """The current request's answer reports this limit; nothing is taken."""
    rate_headers.note(_take(bucket, rate, burst, 0)[1])


def _take(bucket: str, rate: float, burst: float, count: int = 1) -> tuple[float | None, Quota]:
    if clock.monotonic() - _Alone.redis_failed_at >= _RETRY_REDIS_SECONDS:
        try:
            wait, left = _script()(keys=[f"cw:rate:{bucket}"], args=[rate, burst, count])
            return (wait / 1_000_000 if wait > 0 else None), _quota(float(left), rate, burst)
        except redis.RedisError as error:
            _Alone.redis_failed_at = clock.monotonic()
            log.warning(
                "Redis is unavailable; small static limits apply", extra={"error": type(error).__name__}
            )
    return _take_alone(bucket, *_static(rate, burst), count)


def put_back(bucket: str, rate: float, burst: float) -> None:
    """Return what `take` took if the attempt did not fail, so that only failures count."""
    if clock.monotonic() - _Alone.redis_failed_at >= _RETRY_REDIS_SECONDS:
        with contextlib.suppress(redis.RedisError):
            _script()(keys=[f"cw:rate:{bucket}"], args=[rate, burst, -1])
            return
    with _Alone.lock:
        tokens, at = _Alone.buckets.get(bucket, (None, 0.0))
        if tokens is not None:
            _Alone.buckets[bucket] = (min(_static(rate, burst)[1], tokens + 1), at)


def source_of(address: str) -> str:
    """The source that a limit counts: the address, or its /64, which one IPv6 host has for itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def _static(rate: float, burst: float) -> tuple[float, float]:
    return max(STATIC_SHARE * rate, min(1.0, rate)), max(1.0, burst * STATIC_SHARE)


def _quota(left: float, rate: float, burst: float) -> Quota:
    return Quota(burst, left, (burst - left) / rate)


def _take_alone(bucket: str, rate: float, burst: float, count: int) -> tuple[float | None, Quota]:
    now = clock.monotonic()
    with _Alone.lock:
        if len(_Alone.buckets) >= _MOST_KEPT and bucket not in _Alone.buckets:
            # Forgetting would refill every bucket; a newcomer waits instead.
            _drop_full(now)
            if len(_Alone.buckets) >= _MOST_KEPT:
                return 1.0, _quota(0.0, rate, burst)
        tokens, at = _Alone.buckets.get(bucket, (burst, now))
        tokens = min(burst, tokens + (now - at) * rate)
        wait = (1 - tokens) / rate if tokens < count else None
        left = tokens if tokens < count else tokens - count
        _Alone.buckets[bucket] = (left, now)
        return wait, _quota(left, rate, burst)


def _drop_full(now: float) -> None:
    for name in [name for name, (_, at) in _Alone.buckets.items() if now - at > 60]:
        del _Alone.buckets[name]


@lru_cache(maxsize=1)
def _script() -> redis.commands.core.Script:
    client = redis_clients.client(
        settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.3, max_connections=200
    )
    return client.register_script(_SCRIPT)


# Requests per second (a burst is those of two seconds) where the settings name no other.
KEY_RATE = 1000
HOLDER_RATE = 100
BURST_SECONDS = 2


class RestRate(BaseThrottle):
    """DRF calls this before each view; it raises the contract's 429 with the exact wait."""

    def allow_request(self, request: Request, view: object) -> bool:
        subject = cast("Subject | None", request.auth)
        if subject is None:
            return True
        key = isinstance(subject, ApiKey)
        name, default = ("KEY", KEY_RATE) if key else ("HOLDER", HOLDER_RATE)
        rate = getattr(settings, f"CALLWRIGHT_REST_{name}_PER_SECOND", default)
        wait = take_told(f"rest:{name_of(subject)}", rate, rate * BURST_SECONDS)
        if wait is not None:
            raise errors.TooManyRequests(wait)
        return True
