"""Which columns are sealed with the instance's key, and what each says under the key of today."""

from __future__ import annotations

from datetime import datetime

from django.db import models

import clock
from calling.models import SecondFactor, WebhookEndpoint
from subscribers import encryption
from subscribers.models import SipGateway

# Stored answers of `Idempotency-Key` are left out: they are forgotten after a day.
SEALED: tuple[tuple[type[models.Model], str], ...] = (
    (SipGateway, "sealed_password"),
    (WebhookEndpoint, "secret"),
    (WebhookEndpoint, "old_secret"),
    (SecondFactor, "sealed_secret"),
)


def anew(kept: str) -> str:
    """A sealed value, or lines of `<sealed> <until>` (older webhook secrets); what is over is left out."""
    parts = (line.partition(" ") for line in kept.splitlines())
    live = (part for part in parts if not part[2] or datetime.fromisoformat(part[2]) > clock.now())
    return "\n".join(
        encryption.seal(encryption.unseal(sealed)) + space + until for sealed, space, until in live
    )
