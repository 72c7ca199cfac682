"""Long operations on a leg: play, say, record, collect, transcribe and their kind, each under its control_id.

Rows only: a media worker carries an operation out and reports through `changed`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import clock
from calling import models
from calling.calls import control, queries
from calling.commands import redactions
from calling.machine.inputs import Refused
from calling.machine.states import Call, Leg
from calling.models.ids import uuid7
from calling.runtime import nudge
from rest import errors

LIVE = ("wanted", "running")
SIGNALLED = "info"  # digits that a SIP edge sends as INFO, asked for by the leg's media worker


def operate(
    call_id: UUID | str, leg_id: str | None, verb: str, control_id: str | None, params: dict[str, Any]
) -> models.Operation:
    """Request an operation. 409 if the leg is not answered or the control_id is in use."""
    control_id = control_id or str(uuid7())

    def work() -> models.Operation:
        row = models.Call.objects.select_for_update().filter(pk=call_id).first()
        if row is None:
            raise errors.NotFound
        call = queries.values([row])[0]
        if not call.live:
            raise Refused("The call has ended.", "ended")
        leg = call.leg(leg_id) if leg_id else None
        if leg_id and leg is None:
            raise errors.NotFound
        state = leg.state.value if leg else call.state.value
        if state != "answered":
            raise Refused(f"It is {state}; it must be answered.", state)
        same = models.Operation.objects.filter(call=row, verb=verb, control_id=control_id, state__in=LIVE)
        if same.exists():
            raise errors.Conflict(
                "control_id_in_use", f"A {verb} with that control_id is running.", "control_id"
            )
        operation = models.Operation.objects.create(
            call=row,
            leg_id=leg_id,
            verb=verb,
            control_id=control_id,
            params=redactions.filled(row.project_id, verb, params),
            created_at=clock.now(),
        )
        if row.session_id:
            nudge.wake_session(row.session_id)
        return operation

    return control.in_transaction(work)


def expect(row: models.Call, leg_id: str, verb: str, params: dict[str, Any]) -> models.Operation:
    """Request an operation that starts when its leg is answered. Within the transaction of a dial."""
    return models.Operation.objects.create(
        call=row, leg_id=leg_id, verb=verb, control_id=str(uuid7()), params=params, created_at=clock.now()
    )


def takes_keys(call: Call, leg_id: str) -> bool:
    """Whether a script, a `collect` or a `relay` on that leg takes its party's keys, wherever they go."""
    takers = ("collect", "relay")
    collects = models.Operation.objects.filter(
        call_id=call.id, leg_id=leg_id, verb__in=takers, state__in=LIVE
    )
    return call.program is not None or any(leg.app == "script" for leg in call.live_legs) or collects.exists()


def require_way_for_digits(leg: Leg) -> None:
    """409 where no digit reaches this party: neither as RFC 4733 events, nor as INFO, nor as tones."""
    agreed = models.Leg.objects.values_list("codec", flat=True).filter(pk=leg.id).first() or {}
    if leg.peer_id is None or agreed.get("digits", "unknown") is not None:
        return
    sides = [leg.id, *(attempt.id for attempt in leg.attempts)]
    if models.SipDialog.objects.filter(pk__in=sides, takes_info=True).exclude(state="ended").exists():
        return
    raise errors.Conflict("no_way_for_digits", "The other party cannot receive digits.")


def control_operation(
    call_id: UUID | str, verb: str, control_id: str, wanted: str, params: dict[str, Any] | None = None
) -> models.Operation:
    """`stop pause resume volume timers`: what is wanted of a live operation. 404 where there is none."""

    def work() -> models.Operation:
        rows = models.Operation.objects.select_for_update().filter(
            call_id=call_id, verb=verb, control_id=control_id
        )
        operation = rows.order_by("-created_at").first()
        if operation is None:
            raise errors.NotFound
        if operation.state not in LIVE:
            if wanted == "stop":
                return operation
            raise Refused(f"The operation is {operation.state}.", operation.state)
        if wanted in ("volume", "timers"):
            operation.params = {**operation.params, **(params or {})}
        else:
            operation.wish = {"stop": "stop", "pause": "pause", "resume": "run"}[wanted]
            operation.params = {**operation.params, **(params or {})}
        operation.wish_serial += 1
        operation.save()
        session = models.Call.objects.values_list("session_id", flat=True).get(pk=call_id)
        if session:
            nudge.wake_session(session)
        return operation

    return control.in_transaction(work)


def changed(
    operation_id: UUID | str,
    state: str,
    event: str | None = None,
    result: dict[str, Any] | None = None,
    *,
    fence: control.Fence | None = None,
) -> None:
    """A worker reports: `state` running finished failed; `event` started finished failed paused resumed.

    Late reports about an operation that is over are no-ops.
    """

    def work() -> None:
        control.check_fence(fence)
        found = models.Operation.objects.filter(pk=operation_id).values_list("call_id", flat=True).first()
        if found is None:
            return
        call_row = models.Call.objects.select_for_update().get(pk=found)
        if fence is not None and str(call_row.session_id) != str(fence[0]):
            return  # it went on with a call of another session (`meetings`): this one only let go of it
        operation = models.Operation.objects.select_for_update().get(pk=operation_id)
        if operation.state not in LIVE:
            return
        operation.state = state
        operation.result = {**operation.result, **(result or {})}
        if state in ("finished", "failed"):
            operation.finished_at = clock.now()
        operation.save()
        told_late = operation.verb == "record"  # whoever waits for a recording learns of it after the call
        if event and operation.verb != "digits" and (call_row.state != "ended" or told_late):
            control.record_call_event(
                call_row.id,
                f"{operation.verb}.{event}",
                {"control_id": operation.control_id, "verb": operation.verb, **(result or {})},
                str(operation.leg_id) if operation.leg_id else None,
            )

    control.in_transaction(work)


def told(
    operation_id: UUID | str,
    event: str,
    data: dict[str, Any],
    *,
    leg_id: str | None = None,
    fence: control.Fence | None = None,
) -> None:
    """A worker tells what a live operation has found, which changes nothing: words heard, a beep.

    Nothing is told of a call that has ended. `leg_id`: where it is not the operation's own.
    """

    def work() -> None:
        control.check_fence(fence)
        operation = models.Operation.objects.filter(pk=operation_id, state__in=LIVE).first()
        if operation is None:
            return
        call_row = models.Call.objects.select_for_update().get(pk=operation.call_id)
        if call_row.state == "ended" or (fence is not None and str(call_row.session_id) != str(fence[0])):
            return
        of_leg = leg_id or (str(operation.leg_id) if operation.leg_id else None)
        about = {"control_id": operation.control_id, "verb": operation.verb}
        control.record_call_event(call_row.id, f"{operation.verb}.{event}", {**about, **data}, of_leg)

    control.in_transaction(work)
