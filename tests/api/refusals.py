"""What every verb of a call answers to the wrong people and at the wrong moment."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support import rest_client
from tests.support.people import Cast


def to_strangers(cast: Cast, mallory: Cast, call_id: str, verb: str, body: dict[str, Any]) -> None:
    """401 without credentials; 404 for an unknown call, another project, and who is not in it."""
    path = f"/api/calls/{call_id}/{verb}"
    rest_client.error_of(rest_client.client().post(path, body), 401)
    rest_client.error_of(mallory.rest.post(path, {**body, "leg": "caller"}), 404)
    rest_client.error_of(mallory.mallory.rest.post(path, body), 404)
    rest_client.error_of(cast.carol.rest.post(path, body), 404)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{uuid4()}/{verb}", body), 404)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/not-an-id/{verb}", body), 404)


def after_the_end(cast: Cast, call_id: str, verb: str, body: dict[str, Any]) -> None:
    """409 that names the state."""
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    error = rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/{verb}", body), 409)
    assert error["code"] == "not_allowed" and "ended" in error["message"]


def while_ringing(cast: Cast, call_id: str, verb: str, body: dict[str, Any]) -> None:
    for person in (cast.bob, cast.rest):
        rest = getattr(person, "rest", person)
        error = rest_client.error_of(
            rest.post(f"/api/calls/{call_id}/{verb}", {**body, "leg": "callee"}), 409
        )
        assert error["code"] == "not_allowed" and "ringing" in error["message"]


def wrong_leg(cast: Cast, call_id: str, verb: str, body: dict[str, Any]) -> None:
    """An API key names the leg; a token has its own."""
    path = f"/api/calls/{call_id}/{verb}"
    assert rest_client.error_of(cast.rest.post(path, body), 422)["code"] == "leg_required"
    assert rest_client.error_of(cast.rest.post(path, {**body, "leg": "nobody"}), 422)["attribute"] == "leg"
    assert rest_client.error_of(cast.rest.post(path, {**body, "leg": 7}), 422)["attribute"] == "leg"
    assert (
        rest_client.error_of(cast.alice.rest.post(path, {**body, "leg": "callee"}), 403)["attribute"] == "leg"
    )
