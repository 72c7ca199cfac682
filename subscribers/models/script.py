"""SWML scripts as resources."""

from __future__ import annotations

from django.db import models

from subscribers.models.owned import Owned


class Script(Owned):
    """A SWML document (JSON or YAML text) that answers calls to `/public/<slug of the name>`."""

    name = models.CharField(max_length=200)
    contents = models.TextField()
    status_callback_url = models.CharField(max_length=2000, blank=True)

    def __str__(self) -> str:
        return self.name

    def document(self) -> dict[str, str]:
        """What a script run keeps of it; `calling.swml.load.stored` reads it."""
        return {"text": self.contents}
