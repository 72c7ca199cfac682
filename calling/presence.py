"""Who is online: device rows with a lease, and the signals their coming and going sends to calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from calling import control, models
from calling.machine.inputs import DeviceOffline, DeviceOnline, DeviceSpec
from calling.models.ids import uuid7
from subscribers.http import problems

LEASE_SECONDS = 12


def device_online(
    project_id: UUID | str,
    subscriber_id: UUID | str | None,
    connection: UUID | str,
    *,
    kind: str = "phone",
    device_id: UUID | str | None = None,
    receives: bool = True,
    user_agent: str = "",
    contact: dict[str, object] | None = None,
    lease: float = LEASE_SECONDS,
) -> models.Device:
    """A device came online (or came back under its own `device_id`). A foreign device id is refused (403)."""
    until = timezone.now() + timedelta(seconds=lease)
    device = models.Device.objects.filter(pk=device_id).first() if device_id else None
    if device is not None and (str(device.project_id), str(device.subscriber_id or "")) != (
        str(project_id),
        str(subscriber_id or ""),
    ):
        raise problems.Forbidden("device_not_yours", "That device belongs to somebody else.", "device_id")
    if device is None:
        device = models.Device(
            id=device_id or uuid7(), project_id=project_id, subscriber_id=subscriber_id, kind=kind
        )
    device.online_until, device.connection, device.receives = until, UUID(str(connection)), receives
    device.kind, device.user_agent = kind, user_agent[:200]
    if contact is not None:
        device.contact = contact
    device.save()
    for call_id in concerned(device):
        spec = DeviceSpec(str(device.id), str(uuid7()), kind)
        if receives or models.Leg.objects.filter(call_id=call_id, device_id=device.id).exists():
            control.apply(call_id, DeviceOnline(spec, str(subscriber_id) if receives else ""))
    return device


def concerned(device: models.Device) -> list[UUID]:
    """The live calls that this device carries, is rung by, or could be rung by."""
    mine = Q(legs__device_id=device.id) | Q(legs__attempts__device_id=device.id)
    if device.subscriber_id is not None:
        mine |= Q(legs__subscriber_id=device.subscriber_id, legs__state="ringing")
    rows = models.Call.objects.filter(mine).exclude(state="ended")
    return list(rows.values_list("id", flat=True).distinct().order_by("id"))


def renew(device_ids: Iterable[UUID | str], lease: float = LEASE_SECONDS) -> int:
    """Keep devices online: one statement for a whole process."""
    ids = list(device_ids)
    if not ids:
        return 0
    return models.Device.objects.filter(pk__in=ids).update(
        online_until=timezone.now() + timedelta(seconds=lease)
    )


def device_offline(
    device_id: UUID | str, connection: UUID | str | None = None, *, final: bool = False
) -> None:
    """A device is gone. `connection`: only if that socket still holds it, a newer one may have it."""
    rows = models.Device.objects.filter(pk=device_id)
    if connection is not None:
        rows = rows.filter(connection=connection)
    device = rows.first()
    if device is None:
        return
    device.online_until = None
    device.save(update_fields=["online_until"])
    for call_id in concerned(device):
        control.apply(call_id, DeviceOffline(str(device.id), final))


def expire_devices() -> int:
    """Devices whose edge died without a word: their lease ran out. Called by the sweep."""
    lapsed = models.Device.objects.filter(online_until__lte=timezone.now()).values_list("id", flat=True)
    ids = list(lapsed[:500])
    for device_id in ids:
        device_offline(device_id)
    return len(ids)
