"""Settings of deliverers in the fault test: tries of one second, and waits short enough to see them all."""

from __future__ import annotations

from config.settings import *  # noqa: F403

CALLWRIGHT_WEBHOOK_SECONDS = 1.0
CALLWRIGHT_WEBHOOK_WAITS = (0.2,) * 60
