"""`caller_name`, `user_variables`, `from_name`, `to_name`: what devices show, and what a call says of it."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.sockets import call_updates
from calling.sockets.phone import translate
from tests.support import fake_worker
from tests.support.fake_worker import SDP, call_of, online, ringing, talking
from tests.support.people import Cast
from tests.support.rest_client import error_of

DIAL = {"to": "/private/bob", "connect": "/public/echo"}


def dialled(cast: Cast, **fields: Any) -> dict[str, Any]:
    answer = cast.rest.post("/api/calls", {**DIAL, **fields})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def incoming(cast: Cast, call_id: str) -> dict[str, Any]:
    """The `call.incoming` that bob's device is told."""
    _, news = call_updates.read([], {call_id: 0})
    return translate.incoming(call_id, news[call_id], fake_worker.leg_of(call_id, "callee"))


def test_a_name_of_the_callers_choice_is_shown_where_the_directory_knows_none(cast: Cast) -> None:
    online(cast.bob)
    call = dialled(cast, **{"from": "+15550001111", "caller_name": "Acme Support"})
    assert (call["from_name"], call["to_name"]) == ("Acme Support", "Bob")
    assert incoming(cast, call["id"])["from_name"] == "Acme Support"


@pytest.mark.parametrize("caller_name", ["Somebody Else", None])
def test_the_directorys_name_comes_first(cast: Cast, caller_name: str | None) -> None:
    call = dialled(cast, **{"from": "/private/alice", "caller_name": caller_name})
    assert call["from_name"] == "Alice"


def test_a_token_is_shown_by_its_own_name_whatever_it_says(cast: Cast) -> None:
    body = {"to": "/private/bob", "sdp": SDP, "caller_name": "The Bank"}
    assert cast.gus.rest.post("/api/calls", body).json()["from_name"] == "Gus"
    assert cast.alice.rest.post("/api/calls", body).json()["from_name"] == "Alice"


def test_without_any_name_there_is_none(cast: Cast) -> None:
    assert dialled(cast)["from_name"] is None
    assert dialled(cast, to="+46000000000")["to_name"] == "Announcement"


@pytest.mark.parametrize("name", ["", "x" * 101, 7, "two\nlines", ["x"]])
def test_a_wrong_caller_name_is_refused(cast: Cast, name: Any) -> None:
    answer = cast.rest.post("/api/calls", {**DIAL, "caller_name": name})
    assert error_of(answer, 422)["attribute"] == "caller_name"


def test_names_and_duration_are_in_lists_and_events_too(cast: Cast) -> None:
    call_id = talking(cast)
    (listed,) = cast.rest.get("/api/calls").json()["data"]
    (first, *_) = cast.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    for shown in (listed, first["data"]["call"], cast.bob.rest.get(f"/api/calls/{call_id}").json()):
        assert (shown["from_name"], shown["to_name"], shown["duration_ms"]) == ("Alice", "Bob", 0)


def test_user_variables_go_to_the_device_and_into_metadata(cast: Cast) -> None:
    online(cast.bob)
    variables = {"order": "4711", "shop": "Malmö"}
    call = dialled(cast, user_variables=variables, metadata={"own": 1})
    assert call["metadata"] == {"own": 1, "user_variables": variables}
    assert incoming(cast, call["id"])["user_variables"] == variables


@pytest.mark.parametrize(
    ("within", "status"), [({"page": "pricing"}, 201), ({"page": "home"}, 422), (None, 422)]
)
def test_other_user_variables_in_metadata_are_not_dropped_in_silence(
    cast: Cast, within: Any, status: int
) -> None:
    body = {"to": "/private/bob", "connect": "/public/echo", "user_variables": {"page": "pricing"}}
    answer = cast.rest.post("/api/calls", {**body, "metadata": {"user_variables": within}})
    assert answer.status_code == status, answer.content


def test_without_user_variables_nothing_is_added(cast: Cast) -> None:
    online(cast.bob)
    call = dialled(cast, metadata=[1])
    assert call["metadata"] == [1] and "user_variables" not in incoming(cast, call["id"])
    assert dialled(cast, user_variables={})["metadata"] is None


def test_a_device_may_send_them_too(cast: Cast) -> None:
    online(cast.bob)
    body = {"to": "/private/bob", "sdp": SDP, "user_variables": {"page": "pricing"}}
    call = cast.alice.rest.post("/api/calls", body).json()
    assert incoming(cast, call["id"])["user_variables"] == {"page": "pricing"}


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({f"n{number}": "x" for number in range(21)}, "too_many_custom_variables"),
        ({"sw_x": "y"}, "reserved_custom_variable_name"),
        ({"1st": "y"}, "invalid_parameter"),
        ({"x": 1}, "invalid_parameter"),
        ({"x": ""}, "invalid_parameter"),
        ({"x": "y" * 1025}, "invalid_parameter"),
        ({f"n{number}": "y" * 1000 for number in range(5)}, "invalid_parameter"),
        (["x"], "invalid_parameter"),
    ],
)
def test_wrong_user_variables_are_refused(cast: Cast, variables: Any, code: str) -> None:
    error = error_of(cast.rest.post("/api/calls", {**DIAL, "user_variables": variables}), 422)
    assert (error["code"], error["attribute"]) == (code, "user_variables")
    assert not models.Call.objects.exists()


def test_metadata_that_is_no_object_cannot_hold_them(cast: Cast) -> None:
    answer = cast.rest.post("/api/calls", {**DIAL, "user_variables": {"a": "b"}, "metadata": 7})
    assert error_of(answer, 422)["attribute"] == "metadata"


def test_the_media_of_a_leg_that_has_ended_is_closed(cast: Cast) -> None:
    call_id = talking(cast)
    states = [leg["media"]["state"] for leg in cast.rest.get(f"/api/calls/{call_id}").json()["legs"]]
    assert states == ["connected", "connected"]
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    assert not call_of(call_id).live
    shown = cast.rest.get(f"/api/calls/{call_id}").json()["legs"]
    assert [leg["media"]["state"] for leg in shown] == ["closed", "closed"]
    rejected = ringing(cast)
    cast.bob.rest.post(f"/api/calls/{rejected}/reject")
    shown = cast.rest.get(f"/api/calls/{rejected}").json()["legs"]
    assert {leg["media"]["state"] for leg in shown} == {"closed"}
