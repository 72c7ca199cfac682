"""Many sockets lost and back at once: nobody is told that its token is bad, and no live call is lost."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calling import models, presence
from calling.models.ids import uuid7
from calling.runtime import db_threads
from calling.sockets import patience, strangers
from calling.sockets.hub import Hub
from calling.sockets.strangers import Stranger
from tests.sockets.phones import Phone
from tests.sockets.test_talking import talk
from tests.support import people

PHONES = 20


@pytest.mark.django_db
def test_a_batch_of_lost_devices_takes_as_many_statements_as_one() -> None:
    cast = people.make_cast()

    def lost(count: int) -> int:
        devices = [
            models.Device(project_id=cast.project.id, online_until=timezone.now(), connection=uuid7())
            for _ in range(count)
        ]
        models.Device.objects.bulk_create(devices)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            presence.devices_offline(presence.GoneDevice(each.id, each.connection) for each in devices)
        assert not models.Device.objects.filter(online_until__isnull=False).exists()
        return len(asked)

    assert lost(1) == lost(200) <= 4


@pytest.mark.django_db
def test_a_device_that_a_newer_socket_holds_stays_online() -> None:
    cast = people.make_cast()
    row = models.Device.objects.create(
        project_id=cast.project.id, online_until=timezone.now(), connection=uuid7()
    )
    presence.devices_offline([presence.GoneDevice(row.id, uuid7())])
    row.refresh_from_db()
    assert row.online_until is not None


@pytest.mark.django_db
def test_a_renewal_on_its_way_does_not_bring_a_lost_device_back() -> None:
    cast = people.make_cast()
    held, lease = uuid7(), uuid7()
    row = models.Device.objects.create(
        project_id=cast.project.id, online_until=timezone.now(), connection=held
    )
    presence.devices_offline([presence.GoneDevice(row.id, held)])
    assert presence.renew(lease, {str(row.id): held}) == 0
    presence.device_online(cast.project.id, None, held, device_id=row.id)
    presence.expire_devices()
    models.Device.objects.update(online_until=None)  # its lease ran out while PostgreSQL was away
    assert presence.renew(lease, {str(row.id): held}) == 1


async def test_who_comes_in_does_not_wait_for_who_is_in() -> None:
    busy = [asyncio.create_task(db_threads.run_for_socket(time.sleep, 1.5)) for _ in range(40)]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    assert await patience.judged(lambda: "welcome") == "welcome"
    assert time.monotonic() - started < 1.0
    for each in busy:
        each.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_devices_lost_together_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    def written(lost: list[presence.GoneDevice]) -> int:
        batches.append(len(lost))
        time.sleep(0.05)
        return len(lost)

    monkeypatch.setattr(presence, "devices_offline", written)
    hub = Hub()
    await asyncio.gather(*(hub.offline(presence.GoneDevice(uuid7())) for _ in range(300)))
    await hub.stop()
    assert sum(batches) == 300
    assert len(batches) <= 2


def test_who_has_spoken_takes_no_place_of_those_who_have_not() -> None:
    address = "198.51.100.9"
    spoke = [Stranger(address) for _ in range(strangers.MOST)]
    assert all(each.speak() for each in spoke)
    late = Stranger(address)
    assert late.waits
    for each in (*spoke, late):
        each.leave()
    assert strangers.waiting(address) == 0


def test_a_storm_brings_everybody_back_and_loses_no_call(port: int, cast: people.Cast) -> None:
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = talk(alice, bob, "/private/bob")
    several = [Phone(port, cast.carol) for _ in range(PHONES)]
    known = [(each.device_id, cast.carol) for each in several]
    known += [(alice.device_id, cast.alice), (bob.device_id, cast.bob)]
    for each in (*several, alice, bob):
        each.drop()

    def back(who: tuple[str | None, people.Person]) -> str:
        phone = Phone(port)
        phone.send("auth", token=who[1].token, device_id=who[0])
        return str(json.loads(phone.socket.recv(timeout=20))["type"])

    with ThreadPoolExecutor(PHONES + 2) as pool:
        answers = list(pool.map(back, known))
    assert answers == ["auth.ok"] * len(known)
    assert models.Call.objects.get(pk=call_id).state == "answered"
