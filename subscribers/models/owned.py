"""What every resource of a project has: an id, its project, two times, a place in the listings."""

from __future__ import annotations

import uuid

from django.db import models

from subscribers.models.stays_removed import StaysRemoved


class Owned(StaysRemoved):
    """Abstract. Listed newest first by (created_at, id)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="%(class)ss")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(StaysRemoved.Meta):
        abstract = True
        indexes = [
            models.Index(fields=["project", "-created_at", "-id"], name="%(class)s_listed"),
        ]
