"""The Celery consumer, with another patience than Celery's own.

Celery waits 2, 4, 6 … 30 seconds between tries to reach an unavailable broker, and has no setting for it: a
media worker would be deaf for up to half a minute after Redis is back, and new calls with it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker import consumer

RETRY_SECONDS = 1.0


class Consumer(consumer.Consumer):
    """Tries once a second."""

    def ensure_connected(self, conn: Any) -> Any:
        steady = {"interval_start": RETRY_SECONDS, "interval_step": 0, "interval_max": RETRY_SECONDS}
        conn.ensure_connection = partial(conn.ensure_connection, **steady)
        return super().ensure_connected(conn)
