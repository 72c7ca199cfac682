"""Each command of a device against the wrong people, fields and moments, on the socket.

The codes of REST's 401, 403, 404, 409 and 422: here a socket that never authenticated is closed 4401, the
others are `error` messages and the socket stays open. A command that the table does not know is a failure.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from calling.sockets.phone import commands
from tests.sockets.phones import Phone
from tests.support import fake_worker

CAROL = {"destination": "/private/carol"}
# command: (fields that are right, fields that are not)
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "call.answer": ({"sdp": fake_worker.SDP}, {"sdp": 7}),
    "call.reject": ({"reason": "busy"}, {"reason": "tired"}),
    "call.hangup": ({}, {"call_id": 7}),
    "call.hold": ({}, {"call_id": 7}),
    "call.resume": ({}, {"call_id": 7}),
    "call.mute": ({"channels": ["audio"]}, {"channels": ["smell"]}),
    "call.unmute": ({"channels": ["audio"]}, {"channels": ["smell"]}),
    "call.dtmf": ({"digits": "1"}, {"digits": "x"}),
    "call.update": ({"sdp": fake_worker.SDP}, {"sdp": 7}),
    "call.transfer": (CAROL, {"destination": 7}),
    "call.consult": (CAROL, {"destination": 7}),
    "call.transfer.complete": ({}, {"call_id": 7}),
    "call.transfer.cancel": ({}, {"call_id": 7}),
    "call.share": ({"sdp": fake_worker.SDP}, {"sdp": 7}),
    "call.merge": ({"other_call_id": str(uuid4())}, {"other_call_id": 7}),
    "call.raise_hand": ({}, {"raised": 7}),
}
NO_VERBS = {"call.create", "ice.candidate", "ice.done"}  # tested in test_wrong_frames and test_coming_in
WRONG = {"not_found", "invalid_parameter", "missing_required_parameter", "invalid_sdp", "invalid_digits"}


def test_the_table_knows_every_command() -> None:
    assert set(TABLE) == (set(commands.VERBS) | commands.MAKES) - NO_VERBS


@pytest.mark.parametrize("command", TABLE)
def test_who_and_what_and_when_is_refused(port, cast, command):
    right, wrong = TABLE[command]
    stranger = Phone(port)
    stranger.send(command, call_id=str(uuid4()), **right)
    assert stranger.closed_with() == 4401
    call_id = fake_worker.talking(cast)
    carol, alice = Phone(port, cast.carol), Phone(port, cast.alice)
    carol.send(command, req_id="a", call_id=call_id, **right)
    carol.refused("not_found", req_id="a")
    alice.send(command, req_id="b", call_id=str(uuid4()), **right)
    alice.refused("not_found", req_id="b")
    alice.send(command, req_id="c", **{"call_id": call_id, **wrong})
    assert alice.expect("error", req_id="c")["code"] in WRONG
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    alice.send(command, req_id="d", call_id=call_id, **right)
    if command == "call.hangup":
        alice.quiet()  # a no-op
    else:
        alice.refused("not_allowed", req_id="d")


@pytest.mark.parametrize("command", ["call.transfer", "call.consult", "call.create"])
def test_no_command_leads_where_the_token_may_not_call(port, cast, command):
    call_id = fake_worker.talking(cast)
    alice = Phone(port, cast.alice)
    alice.send(command, req_id="e", call_id=call_id, destination="+15551234567", sdp=fake_worker.SDP)
    alice.refused("address_not_allowed", req_id="e")
