"""Checking a password: one hash at a time, in a thread of its own, with no database connection held.

A hash takes half a second of a core by design. Whoever asks for many at once waits in a short queue and is
then told to come again; calls, requests and sockets of the same process go on meanwhile. Must not live here:
how often somebody may try (`calling.dashboard.tries`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import make_password, verify_password
from django.contrib.auth.models import User

from calling.runtime import db_threads
from rest import errors

WAITING = 8  # who may wait for the one that is being checked
SECONDS = 15.0
_NICE = 10

_places = threading.BoundedSemaphore(WAITING)


def _step_back() -> None:
    """The scheduler takes the requests' threads first (Linux knows a nice value per thread)."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


_hasher = ThreadPoolExecutor(1, "password", initializer=_step_back)


def owner_of(name: str, password: str) -> User | None:
    """The active user with that name and password. Raises Unavailable (503) where too many wait already."""
    user = User.objects.filter(username=name).first()
    db_threads.give_back()
    fits, outdated = _check(password, user.password if user is not None else None)
    if user is None or not fits or not user.is_active:
        return None
    if outdated is not None:
        User.objects.filter(pk=user.pk, password=user.password).update(password=outdated)
        user.password = outdated
    return user


def _check(password: str, encoded: str | None) -> tuple[bool, str | None]:
    """(whether it fits, its new hash where the kept one is of an older kind)."""
    if not _places.acquire(blocking=False):
        raise errors.Unavailable("Too many are signing in at this moment; try again.", retry_after=2)
    work = _hasher.submit(_hash, password, encoded)
    work.add_done_callback(lambda _: _places.release())
    try:
        return work.result(SECONDS)
    except TimeoutError:
        work.cancel()
        raise errors.Unavailable("Signing in takes too long now; try again.", retry_after=5) from None


def _hash(password: str, encoded: str | None) -> tuple[bool, str | None]:
    if encoded is None:
        make_password(password)  # an unknown name takes as long as a wrong password
        return False, None
    fits, outdated = verify_password(password, encoded)
    return fits, make_password(password) if fits and outdated else None
