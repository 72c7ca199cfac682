"""What the directory's views need to know of whoever asks, without knowing the gate.

`request.auth` is a Subject of `tokens`; these are the few attributes of it that matter here.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Principal(Protocol):
    """A project's key (`manages`) or the bearer of a token."""

    @property
    def project_id(self) -> UUID: ...

    @property
    def manages(self) -> bool: ...


class ManagesProject(BasePermission):
    """Only a project's own key: 403 for tokens."""

    def has_permission(self, request: Request, view: object) -> bool:
        return bool(getattr(request.auth, "manages", False))


class BearsToken(BasePermission):
    """Only the bearer of a token: 403 for a project's key."""

    def has_permission(self, request: Request, view: object) -> bool:
        return request.auth is not None and not getattr(request.auth, "manages", True)


def principal_of(request: Request) -> Principal:
    return request.auth  # type: ignore[return-value]
