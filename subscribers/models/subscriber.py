"""People who can be called."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, make_password
from django.db import models

from rest.json_bodies import NOT_IN_A_LINE
from subscribers.models.owned import Owned

LONGEST_NAME = 200  # of what is shown; an address keeps it


class Subscriber(Owned):
    """One person of a project, known to its back end by `reference`, reached at `/private/<slug>`.

    `slug` never changes: tokens and call records carry it. `extension` is dialable by subscribers.
    `max_calls` caps the calls the subscriber is in at once (None: no cap); `do_not_disturb` makes every
    call busy.
    """

    reference = models.CharField(max_length=255)
    slug = models.CharField(max_length=80, editable=False)
    extension = models.CharField(max_length=10, null=True, blank=True)
    email = models.CharField(max_length=255, blank=True)
    password = models.CharField(max_length=200, blank=True, editable=False)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    display_name = models.CharField(max_length=200, blank=True)
    job_title = models.CharField(max_length=200, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    country = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    company_name = models.CharField(max_length=200, blank=True)
    max_calls = models.PositiveIntegerField(null=True, blank=True)
    do_not_disturb = models.BooleanField(default=False)
    history_seen_at = models.DateTimeField(null=True, editable=False)  # missed calls up to here are no news

    class Meta(Owned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["project", "reference"], name="subscriber_reference"),
            models.UniqueConstraint(fields=["project", "slug"], name="subscriber_slug"),
            models.UniqueConstraint(fields=["project", "extension"], name="subscriber_extension"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def address(self) -> str:
        """`/private/<slug>`."""
        return f"/private/{self.slug}"

    @property
    def shown_name(self) -> str:
        """What a called device shows: display name, else first and last name, else the reference; cut."""
        names = f"{self.first_name} {self.last_name}".strip()
        name = self.display_name or names or self.reference
        return (NOT_IN_A_LINE.sub(" ", name).strip() or self.slug)[:LONGEST_NAME]

    def set_password(self, text: str) -> None:
        self.password = make_password(text)

    def check_password(self, text: str) -> bool:
        return bool(self.password) and check_password(text, self.password)
