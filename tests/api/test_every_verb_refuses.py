"""Each verb of a call against the wrong people, fields and moments: 401, 403, 404, 409, 422, over REST.

A table: a verb that the routes know and the table does not is a failure of its own.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from calling.api.commands import VIEWS
from tests.support import fake_worker, rest_client

CAROL = {"to": "/private/carol"}
# verb: (a body that is right, one that is not)
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "answer": ({"sdp": fake_worker.SDP}, {"sdp": 7}),
    "reject": ({"reason": "busy"}, {"reason": "tired"}),
    "hold": ({}, {"leg": 7}),
    "resume": ({}, {"leg": 7}),
    "mute": ({"channels": ["audio"]}, {"channels": ["smell"]}),
    "unmute": ({"channels": ["audio"]}, {"channels": ["smell"]}),
    "dtmf": ({"digits": "1"}, {"digits": "x"}),
    "transfer": (CAROL, {"to": "nobody there"}),
    "transfer/complete": ({}, {"leg": 7}),
    "transfer/cancel": ({}, {"leg": 7}),
    "consult": (CAROL, {"to": "nobody there"}),
    "hangup": ({}, {"leg": 7}),
}
NEVER_LATE = {"hangup"}  # a no-op on a call that has ended


def test_the_table_knows_every_verb() -> None:
    assert set(VIEWS) == set(TABLE)


@pytest.mark.sample(5)
@pytest.mark.parametrize("verb", TABLE)
def test_who_and_what_and_when_is_refused(cast, mallory, verb):
    right, wrong = TABLE[verb]
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}/{verb}"
    rest_client.error_of(rest_client.client().post(path, right), 401)
    rest_client.error_of(rest_client.client("Bearer nonsense").post(path, right), 401)
    rest_client.error_of(cast.alice.rest.post(path, {**right, "leg": "callee"}), 403)
    rest_client.error_of(cast.carol.rest.post(path, right), 404)
    rest_client.error_of(mallory.rest.post(path, {**right, "leg": "caller"}), 404)
    rest_client.error_of(cast.rest.post(f"/api/calls/{uuid4()}/{verb}", right), 404)
    rest_client.error_of(cast.rest.post(path, {"leg": "caller", **wrong}), 422)
    if verb == "hangup":
        assert cast.alice.rest.post(path, right).status_code == 200
    else:
        cast.rest.post(f"/api/calls/{call_id}/hangup")
    late = cast.alice.rest.post(path, right)
    if verb in NEVER_LATE:
        assert late.status_code == 200
    else:
        assert rest_client.error_of(late, 409)["code"] == "not_allowed"


def test_a_transfer_and_a_consultation_ask_the_scope_again(cast):
    call_id = fake_worker.talking(cast)
    for verb in ("transfer", "consult"):
        answer = cast.alice.rest.post(f"/api/calls/{call_id}/{verb}", {"to": "+15551234567"})
        assert rest_client.error_of(answer, 403)["code"] == "address_not_allowed"
