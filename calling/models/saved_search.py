"""Searches for calls that staff keep by a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from calling.models.ids import uuid7
from subscribers.models.stays_removed import StaysRemoved


class SavedSearch(StaysRemoved):
    """One person's in one project; `shared`: all staff of the project see it. `query` is that of its URL."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "name"], name="one_search_per_name")
        ]
