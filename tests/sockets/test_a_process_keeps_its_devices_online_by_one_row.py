"""A web process renews one row for all the devices on its sockets; when it is gone, so are they."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from calling import models, presence, waiting
from calling.models.ids import uuid7
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def online(cast: Cast, connection: UUID) -> models.Device:
    return presence.device_online(cast.project.id, cast.alice.holder.subscriber_id, connection)


def is_online(device: models.Device) -> bool:
    device.refresh_from_db()
    return device.online_until is not None and device.online_until > timezone.now()


def let_lapse(lease: UUID) -> None:
    models.PresenceLease.objects.filter(pk=lease).update(until=timezone.now() - timedelta(seconds=1))


def test_a_renewal_writes_a_device_once(cast: Cast) -> None:
    lease, sockets = uuid7(), [uuid7() for _ in range(3)]
    held = {str(online(cast, socket).id): socket for socket in sockets}
    assert [presence.renew(lease, held) for _ in range(3)] == [3, 0, 0]
    assert models.PresenceLease.objects.get().until > timezone.now()
    assert "devices" not in waiting.look().names


def test_the_devices_of_a_process_that_is_gone_are_offline(cast: Cast) -> None:
    lease, other = uuid7(), uuid7()
    gone, here = uuid7(), uuid7()
    lost, kept = online(cast, gone), online(cast, here)
    presence.renew(lease, {str(lost.id): gone})
    presence.renew(other, {str(kept.id): here})
    let_lapse(lease)
    assert "devices" in waiting.look().names
    assert presence.expire_devices() == 1
    assert not is_online(lost) and is_online(kept)
    assert [each.pk for each in models.PresenceLease.objects.all()] == [other]
    assert "devices" not in waiting.look().names


def test_a_process_that_was_only_late_has_its_devices_back(cast: Cast) -> None:
    lease, socket = uuid7(), uuid7()
    device = online(cast, socket)
    presence.renew(lease, {str(device.id): socket})
    let_lapse(lease)
    presence.expire_devices()
    assert not is_online(device)
    assert presence.renew(lease, {str(device.id): socket}) == 1
    assert is_online(device)


def test_a_device_whose_loss_could_not_be_written_lapses_while_its_process_lives(cast: Cast) -> None:
    """PostgreSQL was away when its socket broke off: nobody says again that it is gone."""
    lease, lost, kept = uuid7(), uuid7(), uuid7()
    gone, here = online(cast, lost), online(cast, kept)
    presence.renew(lease, {str(gone.id): lost, str(here.id): kept})
    assert presence.renew(lease, {str(here.id): kept}) == 0
    gone.refresh_from_db()
    assert gone.lease_id is None and gone.online_until is not None
    assert gone.online_until <= timezone.now() + timedelta(seconds=presence.LEASE_SECONDS)
    models.Device.objects.filter(pk=gone.pk).update(online_until=timezone.now())
    assert presence.expire_devices() == 1
    assert not is_online(gone) and is_online(here)


def test_a_device_that_came_back_elsewhere_is_kept_there(cast: Cast) -> None:
    """By another process, or by one of the version before, which knows the device's own time alone."""
    lease, other = uuid7(), uuid7()
    old, new = uuid7(), uuid7()
    device = online(cast, old)
    presence.renew(lease, {str(device.id): old})
    device = presence.device_online(
        cast.project.id, cast.alice.holder.subscriber_id, new, device_id=device.id
    )
    assert presence.renew(lease, {str(device.id): old}) == 0, "its socket is another one"
    let_lapse(lease)
    presence.expire_devices()
    assert is_online(device), "its own time has not run out"
    assert presence.renew(other, {str(device.id): new}) == 1
    assert is_online(device)


def test_a_device_that_is_renewed_meanwhile_is_not_taken_offline(cast: Cast) -> None:
    socket = uuid7()
    device = online(cast, socket)
    seen = device.online_until
    presence.renew(uuid7(), {str(device.id): socket})
    presence.devices_offline([presence.GoneDevice(device.id, lapsed=seen)])
    assert is_online(device)
