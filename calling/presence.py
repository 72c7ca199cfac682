"""Who is online: device rows with a lease, and the signals their coming and going sends to calls."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

import clock
from calling import models
from calling.calls import control
from calling.machine.inputs import DeviceOffline, DeviceOnline, DeviceRef
from calling.models.ids import uuid7
from rest import errors
from subscribers.models import Subscriber
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)
LEASE_SECONDS = 12
HELD = timedelta(hours=1)
"""How far ahead a device that a presence lease keeps is online by itself."""
FORGOTTEN = timedelta(days=1)
"""How long a device that went offline keeps its row, and with it its id."""
BATCH = 500
RUNG = ("preparing", "ringing")


def device_online(
    project_id: UUID | str,
    subscriber_id: UUID | str | None,
    connection_id: UUID | str,
    *,
    kind: str = "phone",
    device_id: UUID | str | None = None,
    receives: bool = True,
    user_agent: str = "",
    contact: dict[str, object] | None = None,
    lease: float = LEASE_SECONDS,
    known: models.Device | None = None,
) -> models.Device:
    """A device came online (or came back under its own `device_id`). A foreign device id is refused (403).
    `known`: its row, where it was read just now."""
    until = clock.now() + timedelta(seconds=lease)
    device = known or (models.Device.objects.filter(pk=device_id).first() if device_id else None)
    if device is not None and (str(device.project_id), str(device.subscriber_id or "")) != (
        str(project_id),
        str(subscriber_id or ""),
    ):
        raise errors.Forbidden("device_not_yours", "That device belongs to somebody else.", "device_id")
    if device is None:
        device = models.Device(
            id=device_id or uuid7(), project_id=project_id, subscriber_id=subscriber_id, kind=kind
        )
    device.online_until, device.connection, device.receives = until, UUID(str(connection_id)), receives
    device.kind, device.user_agent, device.offline_at = kind, user_agent[:200], None
    device.lease_id = None  # until the process that has the socket takes it
    if contact is not None:
        device.contact = contact
    device.save()
    for call_id in affected_calls(device):
        spec = DeviceRef(str(device.id), str(uuid7()), kind)
        if receives or models.Leg.objects.filter(call_id=call_id, device_id=device.id).exists():
            signal = DeviceOnline(spec, str(subscriber_id) if receives else "")
            control.apply(call_id, signal, when=partial(is_held, device.id, device.connection))
    return device


def is_held(device_id: UUID, connection_id: UUID | None) -> bool:
    """Whether that socket holds the device. None: whether it is offline. Its coming and its loss are told by
    two threads, each after it has written the device's row: what is told late must not be believed."""
    held = models.Device.objects.filter(pk=device_id, online_until__isnull=False)
    return held.filter(connection=connection_id).exists() if connection_id else not held.exists()


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
    return [call_id for call_id, _ in affected({device.id: device.subscriber_id})]


RENEW = """
INSERT INTO calling_presencelease (id, until) VALUES (%(lease)s, %(until)s)
ON CONFLICT (id) DO UPDATE SET until = excluded.until;
UPDATE calling_device d SET online_until = %(held)s, lease_id = %(lease)s
FROM unnest(%(devices)s::uuid[], %(connections)s::uuid[]) AS mine(id, connection)
WHERE d.id = mine.id AND d.connection = mine.connection
AND (d.online_until IS NULL OR d.online_until < %(again)s OR d.lease_id IS DISTINCT FROM %(lease)s);
UPDATE calling_device d SET online_until = %(until)s, lease_id = NULL
WHERE d.lease_id = %(lease)s AND d.online_until IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM unnest(%(devices)s::uuid[]) AS mine(id) WHERE mine.id = d.id)
"""
"""The last part lets go of devices that the process took and holds no more: their loss may not have been
written, as when PostgreSQL was away, and their process lives on."""


def renew(lease: UUID, held: Mapping[str, UUID]) -> int:
    """Keep the devices of a process online: its one row is renewed, and only those devices are written that
    it has not taken yet, or long ago. Returns how many these were. A device that it had taken and that is not
    among them lapses like one that nobody renews.

    `held`: device id → the socket that holds it here. A device that lapsed is online again; one whose socket
    was lost since `held` was read, or that another socket holds now, is left alone.
    """
    now = clock.now()
    words: dict[str, Any] = {
        "lease": lease,
        "until": now + timedelta(seconds=LEASE_SECONDS),
        "held": now + HELD,
        "again": now + HELD / 2,
        "devices": list(held),
        "connections": list(held.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(RENEW, words)
        cursor.nextset()
        return int(cursor.rowcount)


@dataclass(frozen=True)
class GoneDevice:
    """A device that is gone. `connection`: only if that socket still holds it, a newer one may have it.

    `gone`: its browser said that the page was left, so little is waited for. `lapsed`: only if it is still
    online until then.
    """

    id: UUID | str
    connection: UUID | str | None = None
    gone: bool = False
    lapsed: datetime | None = None


OFFLINE = """
UPDATE calling_device d SET online_until = NULL, offline_at = %s,
    connection = CASE WHEN v.connection IS NULL THEN d.connection END
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS v(id, connection, lapsed)
WHERE d.id = v.id AND (v.connection IS NULL OR d.connection = v.connection)
AND (v.lapsed IS NULL OR d.online_until = v.lapsed)
RETURNING d.id, d.subscriber_id
"""


def device_offline(
    device_id: UUID | str, held_by: UUID | str | None = None, *, final: bool = False, gone: bool = False
) -> None:
    """One device is gone. Raises what its calls raise."""
    for call_id, signal in go_offline([GoneDevice(device_id, held_by, gone)], final=final):
        control.apply(call_id, signal, when=partial(is_held, UUID(signal.device_id), None))


def devices_offline(lost: Iterable[GoneDevice]) -> int:
    """Several are gone, as when a proxy restarts: one statement marks them, and only live calls hear of it.
    Returns how many were online."""
    lost = list(lost)
    for call_id, signal in go_offline(lost):
        try:
            control.apply(call_id, signal, when=partial(is_held, UUID(signal.device_id), None))
        except errors.NotFound:
            pass
        except Exception:  # one call must not keep the others from hearing
            log.exception("A call did not hear of a lost device", extra={"call_id": str(call_id)})
    return len(lost)


def go_offline(lost: list[GoneDevice], *, final: bool = False) -> list[tuple[UUID, DeviceOffline]]:
    """Mark them; what their live calls have to be told, in the order of the calls."""
    lines = {UUID(str(each.id)): each for each in lost}
    if not lines:
        return []
    connections = [each.connection and str(each.connection) for each in lines.values()]
    with connection.cursor() as cursor:
        lapsed = [each.lapsed for each in lines.values()]
        cursor.execute(OFFLINE, [clock.now(), list(lines), connections, lapsed])
        found: dict[UUID, UUID | None] = dict(cursor.fetchall())
    pairs = affected(found)
    return [
        (call_id, DeviceOffline(str(device_id), final, lines[device_id].gone)) for call_id, device_id in pairs
    ]


# Three look-ups by index; the states are written out so that the partial indexes serve.
AFFECTED = """
SELECT call_id, device_id, NULL::uuid FROM calling_leg
WHERE state <> 'ended' AND device_id = ANY(%(devices)s::uuid[])
UNION
SELECT l.call_id, a.device_id, NULL FROM calling_attempt a JOIN calling_leg l ON l.id = a.leg_id
WHERE a.device_id = ANY(%(devices)s::uuid[]) AND a.state IN ('preparing', 'ringing') AND l.state <> 'ended'
UNION
SELECT call_id, NULL, subscriber_id FROM calling_leg
WHERE state <> 'ended' AND state = 'ringing' AND subscriber_id = ANY(%(people)s::uuid[])
"""


def affected(devices: Mapping[UUID, UUID | None]) -> list[tuple[UUID, UUID]]:
    """(call, device): the live calls that each device carries, is rung by, or could be rung by.

    `devices`: device → its subscriber. A look-up each: an OR over them walks every live call of the instance.
    """
    if not devices:
        return []
    with connection.cursor() as cursor:
        people = [subscriber for subscriber in devices.values() if subscriber is not None]
        cursor.execute(AFFECTED, {"devices": list(devices), "people": people})
        rows = cursor.fetchall()
    found = {(call_id, device) for call_id, device, _ in rows if device is not None}
    for call_id, _, who in rows:
        if who is not None:
            found |= {(call_id, device) for device, its in devices.items() if its == who}
    return sorted(found)


LAPSED = """
SELECT d.id, d.online_until FROM calling_device d WHERE d.online_until <= %(now)s
UNION ALL
SELECT d.id, d.online_until FROM calling_presencelease p JOIN calling_device d ON d.lease_id = p.id
WHERE p.until <= %(now)s AND d.online_until > %(ahead)s
LIMIT %(batch)s
"""
FORGET_LEASES = """
DELETE FROM calling_presencelease p WHERE p.until <= %(now)s AND NOT EXISTS (
    SELECT 1 FROM calling_device d WHERE d.lease_id = p.id AND d.online_until > %(ahead)s)
"""
"""`ahead`: further than a device's own lease goes, so nobody renews it but who has the presence lease."""


def expire_devices() -> int:
    """Devices whose edge died without a word: their lease ran out. Called by the sweep."""
    now = clock.now()
    words: dict[str, Any] = {"now": now, "ahead": now + 2 * timedelta(seconds=LEASE_SECONDS), "batch": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(LAPSED, words)
        lapsed = [GoneDevice(device_id, lapsed=until) for device_id, until in cursor.fetchall()]
    done = devices_offline(lapsed)
    if len(lapsed) < BATCH:
        with connection.cursor() as cursor:
            cursor.execute(FORGET_LEASES, words)
    return done


def forget_devices() -> int:
    """Delete devices that have been offline for a day and take part in no live call. Called by the sweep.

    The version before does not write since when: those rows count from the first time they are seen here.
    """
    now = clock.now()
    away = models.Device.objects.filter(online_until=None)
    undated = away.filter(offline_at=None).values("pk")[:BATCH]
    models.Device.objects.filter(pk__in=undated, online_until=None).update(offline_at=now)
    live = models.Leg.objects.filter(device_id=OuterRef("pk")).exclude(state="ended")
    rung = models.Attempt.objects.filter(device_id=OuterRef("pk"), state__in=RUNG)
    old = away.filter(~Exists(live), ~Exists(rung), offline_at__lt=now - FORGOTTEN)
    ids = list(old.order_by("offline_at").values_list("pk", flat=True)[:BATCH])
    return models.Device.objects.filter(pk__in=ids, online_until=None).delete()[0] if ids else 0
