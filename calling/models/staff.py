"""Who may look at a project's calls from the dashboard, their second factor, and what they did there."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from calling.models.ids import uuid7


class StaffRole(models.Model):
    """What a person may do in one project. A superuser is owner of all without a row."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "viewer: looks"
        OPERATOR = "operator", "operator: acts on calls and webhooks"
        OWNER = "owner", "owner: tokens, keys and staff too"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="callwright_roles"
    )
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="staff")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project"], name="one_role_per_project")]

    def __str__(self) -> str:
        return f"{self.user} · {self.project} · {self.role}"


class StaffInvite(models.Model):
    """A link that lets one person join a project's staff. Only the SHA-256 of its text is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="staff_invites")
    role = models.CharField(max_length=8, choices=StaffRole.Role.choices)
    note = models.CharField(max_length=150, blank=True, help_text="whom it is for")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-created_at"], name="staff_invite_listed")]


class SecondFactor(models.Model):
    """A person's TOTP secret (RFC 6238). `last_step` is the newest time step used: a code works once.

    `recovery`: hashes of codes that stand in for a lost authenticator, each once.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="second_factor"
    )
    sealed_secret = models.TextField(editable=False)
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)
    recovery = models.JSONField(default=list, db_default=[], editable=False)


class StaffAction(models.Model):
    """The audit log. Rows are only added; failed sign-ins alone are forgotten. `name` outlives its user."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(
        "subscribers.Project", null=True, on_delete=models.SET_NULL, related_name="staff_actions"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=300, blank=True)
    detail = models.JSONField(default=dict)
    source = models.CharField(max_length=64, blank=True, help_text="the address it came from")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "-at"], name="staff_action_listed"),
            models.Index(fields=["subject"], name="staff_action_subject"),
            models.Index(fields=["action", "name", "at"], name="staff_action_tries"),
        ]
