"""The names one can dial."""

from __future__ import annotations

from django.db import models

from subscribers.models.owned import Owned


class Address(Owned):
    """`/context/name` of a subscriber, room or script; `resource_id` is that row's pk.

    Tokens are bound to the id: a renamed address keeps its id, one made again under the same name does not.
    """

    class Kind(models.TextChoices):
        SUBSCRIBER = "subscriber"
        ROOM = "room"
        SCRIPT = "script"

    class Context(models.TextChoices):
        PUBLIC = "public"
        PRIVATE = "private"

    context = models.CharField(max_length=10, choices=Context.choices)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    resource_id = models.UUIDField(db_index=True)
    display_name = models.CharField(max_length=200, blank=True)
    locked = models.BooleanField(default=False)

    class Meta(Owned.Meta):
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(fields=["project", "context", "name"], name="address_name"),
        ]
        indexes = [
            *Owned.Meta.indexes,
            models.Index(fields=["project", "name", "id"], name="address_by_name"),
            models.Index(fields=["project", "kind", "name", "id"], name="address_kind_by_name"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return f"/{self.context}/{self.name}"
