"""The door. Every change of a call goes through here: lock, decide, save, append events, nudge.

Commands and signals come as the machine's inputs; dialling, transferring and consulting come with a
subject, because they name a destination. Raises the errors of docs/contract.md#errors, the machine's Refused
(409), and StaleEpoch for a worker that has lost its session.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models.fields.json import KeyTransform

import clock
from calling import models
from calling.calls import event_log, payloads, positions, queries, room_sessions, store
from calling.machine import decide as machine
from calling.machine.events import Digits, Effect, Event
from calling.machine.inputs import Input, Limits, Mute, Open
from calling.machine.plan import make_plan
from calling.machine.states import Call, MediaState, Party, World
from calling.models.ids import uuid7
from calling.runtime import nudge, tracing
from calling.telephony import billing

Fence = store.Fence
StaleEpoch = store.StaleEpoch
T = TypeVar("T")
TRIES = 6
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Outcome:
    call: Call
    events: tuple[Event, ...]


def limits() -> Limits:
    return Limits(
        setup=settings.CALLWRIGHT_SETUP_SECONDS,
        grace=settings.CALLWRIGHT_GRACE_SECONDS,
    )


def in_transaction(work: Callable[[], T]) -> T:
    """Run `work` in a transaction; take it again when links moved or PostgreSQL broke a deadlock."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return work()
        except store.LinksMoved:
            pass
        except OperationalError as error:
            if "deadlock" not in str(error) or transaction.get_connection().in_atomic_block:
                raise
        clock.sleep(0.005 * 2**attempt)
    raise OperationalError("The call was too busy to be changed; try again.")


def apply(
    call_id: UUID | str,
    *inputs: Input,
    fence: Fence | None = None,
    agreed: Mapping[str, dict[str, Any]] | None = None,
    when: Callable[[], bool] | None = None,
    knows: UUID | str | None = None,
) -> Outcome:
    """Apply one input, or several that came together, to one call and publish what happened.

    agreed: by leg, what its media agreed on, for the calls' payloads; written along. when: asked under the
    call's lock; where it does not hold any more, nothing happens. knows: a media session that is not nudged,
    since its worker gets the outcome here.
    """

    def work() -> Outcome:
        world, rows = store.lock_world(call_id, fence)
        if when is not None and not when():
            return Outcome(world[str(UUID(str(call_id)))], ())
        for row in rows.values():
            row.codecs = {**(row.codecs or {}), **(agreed or {})}
        return commit_turn(
            world, rows, str(UUID(str(call_id))), *inputs, agreed=agreed or {}, knows=knows, last=True
        )

    return in_transaction(work)


def apply_found(call_id: UUID | str, find: Callable[[Call, models.Call], Sequence[Input]]) -> Outcome:
    """The same for inputs that are only known once the call is: it is read once, under its lock. What `find`
    raises is raised, and nothing has happened."""

    def work() -> Outcome:
        world, rows = store.lock_world(call_id)
        key = str(UUID(str(call_id)))
        return commit_turn(world, rows, key, *find(world[key], rows[key]), last=True)

    return in_transaction(work)


def check_fence(fence: Fence | None) -> None:
    if fence is None:
        return
    session_id, epoch = fence
    held = models.MediaSession.objects.select_for_update(no_key=True).filter(
        pk=session_id, epoch=epoch, state="running"
    )
    if held.first() is None:
        raise StaleEpoch


def commit_turn(
    world: World,
    rows: dict[str, models.Call],
    call_id: str,
    *inputs: Input,
    fresh: str | None = None,
    agreed: Mapping[str, dict[str, Any]] = NOTHING,
    knows: UUID | str | None = None,
    last: bool = False,
) -> Outcome:
    """Decide and write, inside the caller's transaction, with the rows already locked.

    `fresh`: a call of the world that is not a row yet. `agreed`, `knows`: see `apply`. `last`: the caller
    writes and reads nothing more in its transaction, so the turn may end it.
    """
    now = clock.now()
    with tracing.span(f"decide {', '.join(type(each).__name__ for each in inputs)}", call_id) as span:
        decision = decided(world, call_id, inputs, now)
        changed = decision.world != world or bool(decision.events) or bool(decision.effects)
        if changed or fresh is not None or agreed:
            numbered = number_events(decision.events, rows, now)
            note_supervision(decision.events, rows)
            last = last and positions.is_last_word() and writes_nothing_more(world, decision)
            store.save_world(world, decision.world, rows, numbered, fresh, agreed, commit=last)
            event_log.announce(numbered)
            room_sessions.apply_turn(world, decision.world, now)
            billing.apply_turn(world, decision.world, now)
            for effect in decision.effects:
                keep_effect(effect, now)
            tell(world, decision.world, rows, decision.events, knows)
        if span is not None:
            span.set_attribute("events", [event.type for event in decision.events])
            for row in [rows[event.call_id] for event in decision.events if event.type == "call.ended"]:
                transaction.on_commit(partial(tracing.call_over, row.id, row.created_at, clock.now()))
    return Outcome(decision.world[call_id], decision.events)


def decided(world: World, call_id: str, inputs: Sequence[Input], now: datetime) -> machine.Decision:
    """The result of all inputs of a turn, with the mute of legs that enter a room that mutes newcomers."""
    done = machine.Decision(world, (), ())
    for input in inputs:
        done = with_more(done, call_id, input, now)
    for seat in room_sessions.to_mute(world, done.world):
        done = with_more(done, seat.call_id, Mute(seat.leg.id, frozenset({"audio"})), now)
    return done


def with_more(done: machine.Decision, call_id: str, input: Input, now: datetime) -> machine.Decision:
    more = machine.decide(done.world, call_id, input, now, limits())
    return replace(more, events=done.events + more.events, effects=done.effects + more.effects)


def writes_nothing_more(before: World, decision: machine.Decision) -> bool:
    """Whether a turn is over with its calls and events: no room, no money and no operation goes with it."""
    if decision.effects or any(
        leg.party is Party.SIP for call in decision.world.values() for leg in call.legs
    ):
        return False
    return room_sessions.seats(before) == room_sessions.seats(decision.world)


def number_events(
    events: tuple[Event, ...], rows: dict[str, models.Call], now: datetime
) -> list[models.Event]:
    """The events as rows, not written yet, under the next numbers of their calls."""
    codecs = {leg: codec for row in rows.values() for leg, codec in (row.codecs or {}).items()}
    made: list[models.Event] = []
    for event in events:
        row = rows[event.call_id]
        row.sequence += 1
        assert event.call is not None
        data: dict[str, Any] = {"call": payloads.call_payload(event.call, row, codecs=codecs)}
        if event.leg_id is not None:
            data["leg_id"] = event.leg_id
        if event.type == "call.ended":
            data["quality"] = quality_of(event.call.id)
        made.append(
            event_log.event(
                row.project_id,
                str(row.id),
                event.type,
                data | event.data,
                now,
                sequence=row.sequence,
                call_id=row.id,
                leg_id=event.leg_id,
                facts=event.data,
            )
        )
    return made


def note_supervision(events: tuple[Event, ...], rows: dict[str, models.Call]) -> None:
    """Write each start, change and end of a supervision to the audit log."""
    for event in events:
        if event.type in ("leg.supervising", "leg.supervising_ended"):
            detail = {"leg_id": event.leg_id, **event.data}
            name, action = str(detail.pop("by"))[:150], f"call.{event.type.removeprefix('leg.')}"
            # A function of the database: a project's own requests cannot touch the audit log.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT callwright_note_supervision(%s, %s, %s, %s, %s::jsonb)",
                    [rows[event.call_id].project_id, name, action, event.call_id, json.dumps(detail)],
                )


def quality_of(call_id: str) -> list[dict[str, Any]]:
    """The quality summary of a call's legs with media, from the newest sample of each."""
    legs = models.Leg.objects.filter(call_id=call_id).exclude(stats=[]).order_by("position", "id")
    found = legs.annotate(newest=KeyTransform("-1", "stats")).values_list("id", "role", "codec", "newest")
    return [
        payloads.quality_payload(str(leg_id), role, codec, newest) for leg_id, role, codec, newest in found
    ]


def keep_effect(effect: Effect, now: datetime) -> None:
    if isinstance(effect, Digits):
        models.Operation.objects.create(
            call_id=effect.call_id,
            leg_id=effect.leg_id,
            verb="digits",
            control_id=str(uuid7()),
            params={"digits": effect.digits},
            created_at=now,
        )


def tell(
    before: World,
    after: World,
    rows: dict[str, models.Call],
    events: Sequence[Event],
    knows: UUID | str | None = None,
) -> None:
    """Nudge the edges of all parties, and the media worker.

    A turn that changes nothing of what they act upon is left to their next look. `knows`: see `apply`.
    """
    legs = [leg for world in (before, after) for call in world.values() for leg in call.legs]
    devices = {leg.device_id for leg in legs} | {a.device_id for leg in legs for a in leg.attempts}
    message = {
        "calls": sorted(after),
        "subscribers": sorted({leg.subscriber_id for leg in legs if leg.subscriber_id}),
        "devices": sorted(device for device in devices if device),
        "sip": any(
            leg.party.value == "sip" or any(each.kind == "sip" for each in leg.attempts) for leg in legs
        ),
    }
    said = [event for event in events if event.type != "leg.connected" or not all(map(plain, after.values()))]
    if said or message["sip"] or shown(before) != shown(after):
        nudge.on_commit(nudge.EDGE, message)
    if events or before.keys() != after.keys() or make_plan(before.values()) != make_plan(after.values()):
        for session_id in {str(row.session_id) for row in rows.values() if row.session_id} - {str(knows)}:
            nudge.wake_session(session_id)


def plain(call: Call) -> bool:
    """Whether people talk in it without pictures: their devices are told nothing of media that flow."""
    return not any(leg.app or leg.part or leg.media.video or leg.media.receive_video for leg in call.legs)


def shown(world: World) -> list[Call]:
    """The calls as far as a device may see them: not who carries them, nor, outside of rooms, whether media
    have begun to flow."""
    return [
        replace(
            call,
            carried=False,
            timers=(),
            legs=call.legs
            if any(leg.app == "room" for leg in call.legs)
            else tuple(replace(leg, media_state=MediaState.NEW) for leg in call.legs),
        )
        for _, call in sorted(world.items())
    ]


def open_call(
    row: models.Call,
    call: Call,
    first: tuple[World, dict[str, models.Call]] | None = None,
    *,
    last: bool = False,
) -> Outcome:
    """Insert a new call and give it its first input, inside the caller's transaction.

    `first`: the locked call that a consultation is linked with. `last`: see `commit_turn`.
    """
    world, rows = first or ({}, {})
    world, rows = {**world, call.id: call}, {**rows, call.id: row}
    return commit_turn(world, rows, call.id, Open(), fresh=call.id, last=last)


def record_call_event(
    call_id: UUID | str, type: str, data: dict[str, Any], leg_id: str | None = None
) -> models.Event:
    """Append an event that changes no call state: an operation's, a leg's quality."""

    def work() -> models.Event:
        row = models.Call.objects.select_for_update().get(pk=call_id)
        call = queries.values([row])[0]
        row.sequence += 1
        row.save(update_fields=["sequence"])
        body = {"call": payloads.call_payload(call, row), **({"leg_id": leg_id} if leg_id else {}), **data}
        tell({}, {call.id: call}, {call.id: row}, ())
        return event_log.append(
            row.project_id, str(row.id), type, body, clock.now(),
            sequence=row.sequence, call_id=row.id, leg_id=leg_id, facts=data,
        )  # fmt: skip

    return in_transaction(work)


def record_project_event(project_id: UUID, type: str, data: dict[str, Any]) -> models.Event:
    """Append an event of a project; these have no number."""

    def work() -> models.Event:
        return event_log.append(project_id, "project", type, data, clock.now(), sequence=None, facts=data)

    return in_transaction(work)
