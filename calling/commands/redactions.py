"""What is taken out of recognised words where an operation does not say: the setting of its project.

`Project.redact` is set by the project's staff, never by an API key. It is read when an operation is asked
for, so one that goes on keeps what it began with. How words are redacted is `calling.speech.redaction`'s.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from calling.speech import redaction
from subscribers.models import Project

VERBS: Final = ("transcribe", "relay")


def filled(project_id: UUID | str, verb: str, params: dict[str, Any]) -> dict[str, Any]:
    """The params of an operation, with the project's `redact` where they have none."""
    if verb not in VERBS or "redact" in params:
        return params
    kinds = of_project(project_id)
    return {**params, "redact": kinds} if kinds else params


def of_project(project_id: UUID | str) -> list[str]:
    """The kinds that are taken out, in the order of their names."""
    found = Project.objects.values_list("redact", flat=True).get(pk=project_id)
    return [each for each in sorted(redaction.KINDS) if each in found]


def set_for(project_id: UUID | str, kinds: list[str]) -> list[str]:
    """Keep what is known of `kinds`; what is kept."""
    kept = [each for each in sorted(redaction.KINDS) if each in kinds]
    Project.objects.filter(pk=project_id).update(redact=kept)
    return kept
