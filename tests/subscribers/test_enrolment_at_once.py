"""Enrolments that meet: one subscriber per reference, one address per name."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from subscribers import provisioning
from subscribers.models import Address, Subscriber
from tests.support.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def together(work: list[Callable[[], object]]) -> list[object]:
    """The results of all, started at once, each in its own thread and connection."""
    results: list[object] = []
    gate = threading.Barrier(len(work), timeout=10)

    def one(task: Callable[[], object]) -> None:
        try:
            gate.wait()
            with transaction.atomic():
                results.append(task())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_the_same_reference_is_one_subscriber(house: Cast) -> None:
    rows = together(
        [lambda: provisioning.provision_subscriber(house.id, "amy@x.example", {"first_name": "Amy"}).pk] * 6
    )
    assert len(rows) == 6 and len(set(rows)) == 1, rows
    assert Subscriber.objects.count() == Address.objects.count() == 1


def test_references_of_one_slug_get_different_addresses(house: Cast) -> None:
    tasks = [
        lambda n=n: provisioning.provision_subscriber(house.id, f"amy@{n}.example", {}).slug for n in range(6)
    ]  # type: ignore[misc]
    slugs = together(tasks)
    assert len(set(slugs)) == 6, slugs
    assert set(slugs) == set(Address.objects.values_list("name", flat=True))
