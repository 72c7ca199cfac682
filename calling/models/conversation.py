"""Written talk between subscribers, and in rooms: who is in it, and what was said."""

from __future__ import annotations

from django.db import models
from django.db.models import F

from calling.models.ids import uuid7


class Conversation(models.Model):
    """Between the addresses `first` and `second`, in the order of their ids; a room's has its address twice.

    The addresses have no constraint: code that does not know this table must still be able to delete them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    first = models.ForeignKey(
        "subscribers.Address", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    second = models.ForeignKey(
        "subscribers.Address", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    spoken_at = models.DateTimeField(help_text="of the newest message, or when it was made")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "first", "second"], name="conversation_between"),
            models.CheckConstraint(condition=models.Q(first__lte=F("second")), name="conversation_ordered"),
        ]
        indexes = [models.Index(fields=["spoken_at"], name="conversation_spoken")]


class Participation(models.Model):
    """Somebody who reads a conversation: a subscriber, or a guest by the family of its tokens."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="people")
    identity = models.UUIDField(help_text="tokens.subjects.TokenHolder.identity")
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="+", db_constraint=False, null=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "identity"], name="participation_once")
        ]
        indexes = [models.Index(fields=["identity"], name="participation_identity")]


class TextMessage(models.Model):
    """What somebody wrote. A subscriber's messages go with the subscriber."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="+", db_constraint=False, null=True
    )
    address_id = models.UUIDField(null=True, help_text="of who wrote it; a guest has none")
    name = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "-created_at", "-id"], name="text_message_listed"),
            models.Index(fields=["created_at"], name="text_message_recent"),
        ]
