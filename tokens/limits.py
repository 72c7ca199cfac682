"""Rates, atomic over all processes: a token bucket in Redis, in one script call (R18).

DRF's throttles read and write in two steps and so let bursts through; this does not. With Redis away a
small static limit per process stands in, never no limit.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import lru_cache

import redis
from django.conf import settings

log = logging.getLogger(__name__)

# KEYS[1] bucket; ARGV rate per second, burst. Time is the server's, in microseconds. Answers 0 when one
# token was taken, else the microseconds until there is one.
_SCRIPT = """
local now = redis.call('TIME')
local micros = now[1] * 1000000 + now[2]
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or micros
tokens = math.min(burst, tokens + math.max(0, micros - at) * rate / 1000000)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * 1000000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', micros))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return wait
"""
# The share of a limit that one process grants alone while Redis is away.
STATIC_SHARE = 0.1
_RETRY_REDIS_SECONDS = 1.0
_MOST_KEPT = 10_000


class _Alone:
    """Buckets of this process, for the time Redis is away."""

    lock = threading.Lock()
    buckets: dict[str, tuple[float, float]] = {}
    redis_failed_at = float("-inf")


def take(bucket: str, rate: float, burst: float) -> float | None:
    """Takes one from `bucket`, which refills at `rate` per second up to `burst`.

    None when there was one; else the seconds until there is (for Retry-After). Blocks at most a fraction
    of a second.
    """
    if time.monotonic() - _Alone.redis_failed_at >= _RETRY_REDIS_SECONDS:
        try:
            wait = int(_script()(keys=[f"cw:rate:{bucket}"], args=[rate, burst]))
            return wait / 1_000_000 if wait > 0 else None
        except redis.RedisError as error:
            _Alone.redis_failed_at = time.monotonic()
            log.warning("Redis is away; small static limits hold", extra={"error": type(error).__name__})
    return _take_alone(bucket, max(1.0, rate * STATIC_SHARE), max(1.0, burst * STATIC_SHARE))


def _take_alone(bucket: str, rate: float, burst: float) -> float | None:
    now = time.monotonic()
    with _Alone.lock:
        if len(_Alone.buckets) >= _MOST_KEPT and bucket not in _Alone.buckets:
            # Forgetting would refill every bucket; a newcomer waits instead.
            _drop_full(now)
            if len(_Alone.buckets) >= _MOST_KEPT:
                return 1.0
        tokens, at = _Alone.buckets.get(bucket, (burst, now))
        tokens = min(burst, tokens + (now - at) * rate)
        if tokens < 1:
            _Alone.buckets[bucket] = (tokens, now)
            return (1 - tokens) / rate
        _Alone.buckets[bucket] = (tokens - 1, now)
        return None


def _drop_full(now: float) -> None:
    for name in [name for name, (_, at) in _Alone.buckets.items() if now - at > 60]:
        del _Alone.buckets[name]


@lru_cache(maxsize=1)
def _script() -> redis.commands.core.Script:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.3, max_connections=200
    )
    return client.register_script(_SCRIPT)
