"""Answers kept for requests that carry an Idempotency-Key."""

from __future__ import annotations

from django.db import models


class StoredAnswer(models.Model):
    """One key of one caller. `sealed` is empty while the first request is being answered.

    `caller` is a hash of the credentials' owner, `request_hash` one of method, path and body. `sealed` is
    the encrypted answer, because answers carry tokens and secrets.
    """

    id = models.BigAutoField(primary_key=True)
    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    claimed_until = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    sealed = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="answer_key")]
        indexes = [models.Index(fields=["created_at"], name="answer_age")]
