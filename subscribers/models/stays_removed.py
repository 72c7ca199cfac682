"""Rows that are changed only while they are there."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, models
from django.db.models.base import ModelBase


class StaysRemoved(models.Model):
    """Abstract. A row that another transaction has removed since it was read stays removed.

    Django's `save` would insert it again. Here it raises ObjectDoesNotExist, as reading it once more would.
    """

    class Meta:
        abstract = True

    def hold(self) -> None:
        """Read it anew and keep it so until this transaction ends: what somebody else has changed meanwhile
        is not written over. ObjectDoesNotExist where it is removed."""
        self.refresh_from_db(from_queryset=type(self)._default_manager.select_for_update(no_key=True))

    def save(
        self,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        change = force_update or not (force_insert or self._state.adding)
        try:
            super().save(
                force_insert=force_insert, force_update=change, using=using, update_fields=update_fields
            )
        except DatabaseError as error:
            if change and type(error) is DatabaseError:  # Django's own: no row was there to change
                raise ObjectDoesNotExist(f"{self._meta.verbose_name} {self.pk} is removed") from error
            raise
