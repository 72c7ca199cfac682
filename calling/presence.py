"""Who is online: device rows with a lease, and the signals their coming and going sends to calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

import clock
from calling import models
from calling.calls import control
from calling.machine.inputs import DeviceOffline, DeviceOnline, DeviceRef
from calling.models.ids import uuid7
from rest import errors
from subscribers.models import Subscriber
from tokens.subjects import TokenHolder

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
    until = clock.now() + timedelta(seconds=lease)
    device = models.Device.objects.filter(pk=device_id).first() if device_id else None
    if device is not None and (str(device.project_id), str(device.subscriber_id or "")) != (
        str(project_id),
        str(subscriber_id or ""),
    ):
        raise errors.Forbidden("device_not_yours", "That device belongs to somebody else.", "device_id")
    if device is None:
        device = models.Device(
            id=device_id or uuid7(), project_id=project_id, subscriber_id=subscriber_id, kind=kind
        )
    device.online_until, device.connection, device.receives = until, UUID(str(connection)), receives
    device.kind, device.user_agent = kind, user_agent[:200]
    if contact is not None:
        device.contact = contact
    device.save()
    for call_id in affected_calls(device):
        spec = DeviceRef(str(device.id), str(uuid7()), kind)
        if receives or models.Leg.objects.filter(call_id=call_id, device_id=device.id).exists():
            control.apply(call_id, DeviceOnline(spec, str(subscriber_id) if receives else ""))
    return device


def is_device_of(device: models.Device, holder: TokenHolder) -> bool:
    """Whether a guest's device is this guest's; one that the version before wrote knows its address alone."""
    known = device.contact.get("holder")
    return bool(known == holder.identity if known else device.contact.get("address") == holder.address)


def words(subscriber_ids: Collection[str]) -> dict[str, str]:
    """How each subscriber can be reached now: `offline` without a device that takes calls, else `dnd`, else
    `busy` in a call, else `available`. One query, however many are asked for."""
    devices = models.Device.objects.filter(
        subscriber_id=OuterRef("pk"), receives=True, online_until__gt=clock.now()
    )
    legs = models.Leg.objects.filter(subscriber_id=OuterRef("pk")).exclude(state="ended")
    talking = legs.exclude(state__in=("created", "ringing"), role__in=("callee", "target"))
    found = Subscriber.objects.filter(pk__in=subscriber_ids).values_list(
        "pk", "do_not_disturb", Exists(devices), Exists(talking)
    )
    return {str(pk): word(silent, online, busy) for pk, silent, online, busy in found}


def word(silent: bool, online: bool, busy: bool) -> str:
    if not online:
        return "offline"
    if silent:
        return "dnd"
    return "busy" if busy else "available"


def affected_calls(device: models.Device) -> list[UUID]:
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
        online_until=clock.now() + timedelta(seconds=lease)
    )


def device_offline(
    device_id: UUID | str, connection: UUID | str | None = None, *, final: bool = False, gone: bool = False
) -> None:
    """A device is gone. `connection`: only if that socket still holds it, a newer one may have it.

    `gone`: its browser said that the page was left, so little is waited for.
    """
    rows = models.Device.objects.filter(pk=device_id)
    if connection is not None:
        rows = rows.filter(connection=connection)
    device = rows.first()
    if device is None:
        return
    device.online_until = None
    device.save(update_fields=["online_until"])
    for call_id in affected_calls(device):
        control.apply(call_id, DeviceOffline(str(device.id), final, gone))


def expire_devices() -> int:
    """Devices whose edge died without a word: their lease ran out. Called by the sweep."""
    lapsed = models.Device.objects.filter(online_until__lte=clock.now()).values_list("id", flat=True)
    ids = list(lapsed[:500])
    for device_id in ids:
        device_offline(device_id)
    return len(ids)
