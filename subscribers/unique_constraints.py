"""Unique names: the database decides, and its refusal becomes a 422 about the field.

A check before the write would leave a gap for a second writer; the constraint does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from rest import errors

_FIELDS = {
    "subscriber_reference": ("email", "A subscriber with this email or reference already exists."),
    "subscriber_extension": ("extension", "Another subscriber has this extension."),
    "room_name": ("name", "A room with this name already exists."),
    "address_name": ("name", "This address is taken."),
    "subscribers_sipendpoint_username_key": ("username", "This user name is taken."),
    "subscribers_phonenumber_number_key": ("number", "This number is taken."),
}


@contextmanager
def unique() -> Iterator[None]:
    """A transaction in which a violated unique constraint becomes 422 `already_taken`."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        found = _FIELDS.get(constraint_of(error))
        if found is None:
            raise
        raise errors.Unprocessable("already_taken", found[1], found[0]) from error


def constraint_of(error: IntegrityError) -> str:
    """The name of the violated constraint; "" if the driver does not report it."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""
