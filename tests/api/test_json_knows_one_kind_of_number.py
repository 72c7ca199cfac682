"""`1.0` is `1` (RFC 8259 section 6): it is taken wherever a whole number is, over REST and on sockets."""

from __future__ import annotations

import json

import pytest

from calling.commands.params import InvalidParams, Params
from calling.signalwire.browser import rpc
from calling.sockets import frames
from rest.json_bodies import whole_number
from tests.support.people import Cast
from tests.support.rest_client import code


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1), (1.0, 1), (-0.0, 0), (1e3, 1000), (2**63 - 1, 2**63 - 1), (1.5, None), (True, None),
        ("1", None), (None, None), ([1], None), (1e308, int(1e308)),
    ],
)  # fmt: skip
def test_a_number_without_a_fraction_is_whole(value: object, number: int | None) -> None:
    found = whole_number(value)
    assert found == number and type(found) is type(number)


def test_a_dial_takes_it(cast: Cast) -> None:
    answer = cast.rest.post("/api/calls", {"to": "/private/bob", "connect": "/public/echo", "timeout": 30.0})
    assert answer.status_code == 201
    assert code(cast.rest.post("/api/calls", {"to": "/private/bob", "timeout": 30.5})) == (
        422, "missing_required_parameter", "script",
    )  # fmt: skip
    form = Params({"timeout": 30.5})
    assert form.integer("timeout", 1, 600) is None
    with pytest.raises(InvalidParams):
        form.check()


def test_the_directory_takes_it(cast: Cast) -> None:
    room = {"name": "standup", "max_members": 10.0}
    answer = cast.rest.post("/api/fabric/resources/conference_rooms", room)
    shown = answer.json()["conference_room"]["max_members"]
    assert answer.status_code == 201 and shown == 10 and isinstance(shown, int)
    room = {"name": "weekly", "max_members": 10.5}
    assert code(cast.rest.post("/api/fabric/resources/conference_rooms", room))[0] == 422


def test_sockets_give_it_back() -> None:
    assert frames.read('{"type": "ping", "req_id": 7.0}').req_id == 7
    request = rpc.read(json.dumps({"jsonrpc": "2.0", "id": 7.0, "method": "signalwire.ping", "params": {}}))
    assert request.id == 7
