"""The tenant."""

from __future__ import annotations

import base64
import secrets
import uuid

from django.db import models


def new_signing_key() -> str:
    """`whsec_…`, so that a Standard Webhooks library takes it as it is; SignalWire's header uses the text."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Project(models.Model):
    """One tenant. Everything else belongs to exactly one project."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    signing_key = models.CharField(
        max_length=200, default=new_signing_key, help_text="Signs status_url callbacks."
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)
    policy = models.JSONField(default=dict, blank=True, help_text="Telephone policy: countries, caps, risk.")
    redact = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text="Taken out of what is recognised, where an operation does not say: digits, card_numbers.",
    )
    trusted = models.BooleanField(
        null=True,
        blank=True,
        help_text="Its keys may do what else platform staff does: take any free phone number, and name any "
        "networks as a gateway's. The first project of an instance on the embedded database is.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
