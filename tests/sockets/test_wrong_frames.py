"""Whatever a device sends, it gets an error that it can match, and its socket stays open."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from calling import models
from tests.sockets.phones import Phone
from tests.support import fake_worker

BAD = [
    ("not json", "invalid_json"),
    ("", "invalid_json"),
    ("[]", "invalid_frame"),
    ("7", "invalid_frame"),
    ("{}", "invalid_frame"),
    ('{"type": 7}', "invalid_frame"),
    ('{"type": "ping", "type": "ping"}', "invalid_json"),
    ('{"type": "ping", "n": NaN}', "invalid_json"),
    ('{"type": "ping", "n": 1' + "0" * 400 + "}", "invalid_json"),
    ("[" * 5000, "json_too_deep"),
    ('{"type": "ping", "x": ' + "[" * 32 + "]" * 32 + "}", "json_too_deep"),
    ('{"type": "ping", "x": "\\u0000"}', "invalid_characters"),
    ('{"type": "ping", "x": "\\ud800"}', "invalid_characters"),
    ('\\"' * 60_000, "invalid_json"),
]


def test_frames_that_are_no_messages_are_told_so(port, cast):
    phone = Phone(port, cast.alice)
    for text, code in BAD:
        phone.send_text(text)
        phone.refused(code)
    phone.send_text(b"\x00\x01")
    phone.refused("binary_frame")
    phone.quiet()


def test_an_error_gives_back_req_id_and_call_id(port, cast):
    phone, nowhere = Phone(port, cast.alice), str(uuid4())
    phone.send("call.hold", req_id="r1", call_id=nowhere)
    phone.refused("not_found", req_id="r1", call_id=nowhere)
    phone.send("dance", req_id=2, call_id="x")
    phone.refused("unknown_type", req_id=2, call_id="x")
    phone.send_text(json.dumps({"type": "ping", "req_id": "r3", "x": "\x00"}))
    phone.refused("invalid_characters", req_id="r3")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_required_parameter"),
        ({"destination": "/private/bob"}, "missing_required_parameter"),
        ({"destination": "nobody there", "sdp": fake_worker.SDP}, "invalid_destination"),
        ({"destination": "/private/nobody", "sdp": fake_worker.SDP}, "not_found"),
        ({"destination": "+15551234567", "sdp": fake_worker.SDP}, "address_not_allowed"),
        ({"destination": ["/private/bob"], "sdp": fake_worker.SDP}, "invalid_parameter"),
        ({"destination": "/private/bob", "sdp": "v=0"}, "invalid_sdp"),
        ({"destination": "/private/bob", "sdp": fake_worker.SDP + "a=x:y\r\n" * 10_000}, "invalid_sdp"),
        ({"destination": "/private/bob", "sdp": fake_worker.SDP, "media": {"audio": 1}}, "invalid_parameter"),
        (
            {"destination": "/private/bob", "sdp": fake_worker.SDP, "sip_headers": {"via": "x"}},
            "invalid_parameter",
        ),
        (
            {"destination": "/private/bob", "sdp": fake_worker.SDP, "metadata": "x" * 5000},
            "invalid_parameter",
        ),
        (
            {"destination": "/private/bob", "sdp": fake_worker.SDP, "connect": "/private/carol"},
            "not_permitted",
        ),
        (
            {"destination": "/private/bob", "sdp": fake_worker.SDP, "caller_id": "+15550000"},
            "caller_id_not_allowed",
        ),
    ],
)
def test_a_dial_that_cannot_be_makes_no_call(port, cast, fields, code):
    phone = Phone(port, cast.alice)
    phone.send("call.create", req_id="d", **fields)
    phone.refused(code, req_id="d")
    assert not models.Call.objects.exists()


COMMANDS = (
    "call.answer", "call.reject", "call.hangup", "call.hold", "call.resume", "call.mute", "call.unmute",
    "call.dtmf", "call.update", "call.transfer", "call.transfer.complete", "call.transfer.cancel",
    "call.consult",
)  # fmt: skip


def test_every_command_needs_a_call_of_ones_own(port, cast):
    call_id = fake_worker.talking(cast)
    carol = Phone(port, cast.carol)
    fields = {"sdp": fake_worker.SDP, "digits": "1", "destination": "/private/bob"}
    for type in COMMANDS:
        carol.send(type, req_id="a", **fields)
        carol.refused("missing_required_parameter", req_id="a")
        carol.send(type, req_id="b", call_id=call_id, **fields)
        carol.refused("not_found", req_id="b", call_id=call_id)
        carol.send(type, req_id="c", call_id="not an id", **fields)
        carol.refused("not_found", req_id="c")


def test_the_wrong_moment_is_a_refusal_that_names_the_state(port, cast):
    bob = Phone(port, cast.bob)
    alice = Phone(port, cast.alice)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    bob.expect("call.incoming")
    for type, fields in [
        ("call.hold", {}), ("call.mute", {}), ("call.dtmf", {"digits": "1"}),
        ("call.transfer", {"destination": "/private/carol"}), ("call.update", {"sdp": fake_worker.SDP}),
    ]:  # fmt: skip
        bob.send(type, call_id=call_id, **fields)
        assert "ringing" in bob.refused("not_allowed")["message"]


def test_a_flood_is_closed_4429(port, cast):
    phone = Phone(port, cast.alice)
    for _ in range(400):
        phone.send("ping")
    assert phone.closed_with() == 4429
