"""Long operations on a leg: play, say, record, collect, stream, each under its control_id.

Rows only: a media worker carries an operation out and reports through `changed`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from calling import control, models, nudge, store
from calling.machine.inputs import Refused
from calling.models.ids import uuid7
from subscribers.http import problems

LIVE = ("wanted", "running")
EVENTS = {"started", "finished", "failed", "paused", "resumed"}


def operate(
    call_id: UUID | str, leg_id: str | None, verb: str, control_id: str | None, params: dict[str, Any]
) -> models.Operation:
    """Ask for an operation. 409 while the leg is not answered or the control_id is in use."""
    control_id = control_id or str(uuid7())

    def work() -> models.Operation:
        row = models.Call.objects.select_for_update().filter(pk=call_id).first()
        if row is None:
            raise problems.NotFound()
        call = store.values([row])[0]
        if not call.live:
            raise Refused("The call has ended.", "ended")
        leg = call.leg(leg_id) if leg_id else None
        if leg_id and leg is None:
            raise problems.NotFound()
        state = leg.state.value if leg else call.state.value
        if state != "answered":
            raise Refused(f"It is {state}; it must be answered.", state)
        same = models.Operation.objects.filter(call=row, verb=verb, control_id=control_id, state__in=LIVE)
        if same.exists():
            raise problems.Conflict(
                "control_id_in_use", f"A {verb} with that control_id is going on.", "control_id"
            )
        operation = models.Operation.objects.create(
            call=row,
            leg_id=leg_id,
            verb=verb,
            control_id=control_id,
            params=params,
            created_at=timezone.now(),
        )
        if row.session_id:
            nudge.on_commit(nudge.MEDIA, {"session": str(row.session_id)})
        return operation

    return control.in_transaction(work)


def wish(
    call_id: UUID | str, verb: str, control_id: str, wanted: str, params: dict[str, Any] | None = None
) -> models.Operation:
    """`stop pause resume volume timers`: what is wanted of a live operation. 404 where there is none."""

    def work() -> models.Operation:
        rows = models.Operation.objects.select_for_update().filter(
            call_id=call_id, verb=verb, control_id=control_id
        )
        operation = rows.order_by("-created_at").first()
        if operation is None:
            raise problems.NotFound()
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
            nudge.on_commit(nudge.MEDIA, {"session": str(session)})
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
            operation.finished_at = timezone.now()
        operation.save()
        told_late = operation.verb == "record"  # whoever waits for a recording learns of it after the call
        if event and operation.verb != "digits" and (call_row.state != "ended" or told_late):
            control.record_event(
                call_row.project_id,
                f"{operation.verb}.{event}",
                {"control_id": operation.control_id, "verb": operation.verb, **(result or {})},
                call_id=call_row.id,
                leg_id=str(operation.leg_id) if operation.leg_id else None,
            )

    control.in_transaction(work)
