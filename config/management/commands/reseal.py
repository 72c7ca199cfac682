"""`manage.py reseal`: seals every sealed column with the key of today, so that older keys can go."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand
from django.db import models, transaction

from config import sealed_columns
from subscribers import encryption


class Command(BaseCommand):
    help = "Seals passwords and secrets anew with CALLWRIGHT_SECRET_KEY; then older keys may be removed."

    def handle(self, *args: object, **options: object) -> None:
        done = unreadable = 0
        for model, column in sealed_columns.SEALED:
            for pk in list(model._default_manager.exclude(**{column: ""}).values_list("pk", flat=True)):
                try:
                    done += _reseal(model, column, pk)
                except encryption.Unreadable:
                    unreadable += 1
                    self.stderr.write(f"{model.__name__} {pk}: no key of ours opens its {column}")
        self.stdout.write(f"sealed anew: {done}; unreadable: {unreadable}")
        if unreadable:
            sys.exit(1)


def _reseal(model: type[models.Model], column: str, pk: object) -> int:
    """One row, locked meanwhile: somebody may be changing the same secret."""
    with transaction.atomic():
        row = model._default_manager.filter(pk=pk)
        sealed = row.select_for_update().values_list(column, flat=True).first()
        if not sealed:
            return 0
        return row.update(**{column: sealed_columns.anew(sealed)})
