"""`POST /api/calls/{id}/listen`: who may, what it makes, what is said of it, and that no party sees it."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.calls import control
from calling.machine import inputs
from calling.machine.plan import PeerPlan, make_plan
from calling.machine.states import SupervisionMode
from subscribers.models import Project
from tests.support import fake_worker
from tests.support.people import Cast, make_mallory
from tests.support.rest_client import basic, client, error_of


def listen(cast: Cast, call_id: str, status: int = 201, **fields: Any) -> dict[str, Any]:
    """Ask for a supervisor with an SDP, and let the worker answer it."""
    answer = cast.rest.post(f"/api/calls/{call_id}/listen", {"sdp": fake_worker.SDP, **fields})
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    if status == 201:
        fake_worker.answer_offers(found["supervising_call_id"])
        fake_worker.connect_media(found["supervising_call_id"])
    return found


def plan_of(call_id: str, leg_id: str) -> PeerPlan:
    """What the peer of a leg hears, with everything that shares its media session."""
    session = models.Call.objects.values_list("session_id", flat=True).get(pk=call_id)
    plan = make_plan(fake_worker.calls_of_session(session))
    return next(peer for peer in plan.peers if peer.leg_id == leg_id)


def events_of(call_id: str) -> list[dict[str, Any]]:
    rows = models.Event.objects.filter(call_id=call_id, type__startswith="leg.supervising")
    return [{"type": row.type, "leg_id": str(row.leg_id), **row.data} for row in rows.order_by("sequence")]


def peers(call_id: str) -> tuple[PeerPlan, PeerPlan]:
    return tuple(plan_of(call_id, fake_worker.leg_of(call_id, role).id) for role in ("caller", "callee"))


def test_a_supervisor_hears_both_and_nobody_hears_it(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    alice, bob = peers(call_id)
    own = plan_of(made["supervising_call_id"], made["id"])
    assert own.hears == "mix:" + ",".join(sorted([alice.peer_id, bob.peer_id]))
    assert own.muted == {"audio", "video"}
    assert (alice.hears, bob.hears) == (f"peer:{bob.peer_id}", f"peer:{alice.peer_id}")


def test_a_whisper_reaches_the_party_that_is_named(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id, mode="whisper", leg="callee")
    alice, bob = peers(call_id)
    own = plan_of(made["supervising_call_id"], made["id"])
    assert own.muted == frozenset()
    assert alice.hears == f"peer:{bob.peer_id}"
    assert bob.hears == "mix:" + ",".join(sorted([alice.peer_id, own.peer_id]))


def test_whoever_barges_is_heard_by_all(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id, mode="barge")
    alice, bob = peers(call_id)
    own = plan_of(made["supervising_call_id"], made["id"])
    assert alice.hears == "mix:" + ",".join(sorted([bob.peer_id, own.peer_id]))
    assert bob.hears == "mix:" + ",".join(sorted([alice.peer_id, own.peer_id]))


def test_who_holds_is_heard_by_no_listener_but_talks_with_whom_it_hears(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id, leg="callee")
    cast.bob.rest.post(f"/api/calls/{call_id}/hold")
    alice, bob = peers(call_id)
    assert plan_of(made["supervising_call_id"], made["id"]).hears == f"peer:{alice.peer_id}"
    changed = cast.rest.patch(f"/api/calls/{call_id}/legs/{made['id']}", {"mode": "whisper"})
    assert changed.status_code == 200, changed.content
    own = plan_of(made["supervising_call_id"], made["id"])
    alice, bob = peers(call_id)
    assert bob.peer_id in (own.hears or "")
    assert (alice.hears, bob.hears) == ("music", f"peer:{own.peer_id}")


def test_every_mode_is_said_and_written_into_the_audit_log(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    callee = fake_worker.leg_of(call_id, "callee").id
    for fields in ({"mode": "whisper", "leg": "callee"}, {"mode": "whisper"}, {"mode": "barge"}):
        answer = cast.rest.patch(f"/api/calls/{call_id}/legs/{made['id']}", fields)
        assert answer.status_code == 200, answer.content
        assert (answer.json()["mode"], answer.json()["supervised_leg_id"]) == (fields["mode"], callee)
    assert cast.rest.post(f"/api/calls/{call_id}/hangup", {"leg": made["id"]}).status_code == 200
    said = events_of(call_id)
    assert [(each["type"], each["mode"]) for each in said] == [
        ("leg.supervising", "listen"),
        ("leg.supervising", "whisper"),
        ("leg.supervising", "barge"),
        ("leg.supervising_ended", "barge"),
    ]
    assert {each["leg_id"] for each in said} == {made["id"]}
    noted = models.StaffAction.objects.filter(subject=call_id).order_by("id")
    assert [(row.action, row.name, row.detail["mode"]) for row in noted] == [
        ("call.supervising", "API key", "listen"),
        ("call.supervising", "API key", "whisper"),
        ("call.supervising", "API key", "barge"),
        ("call.supervising_ended", "API key", "barge"),
    ]


def test_the_call_outlives_its_supervisor_and_not_the_other_way_round(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    first, second = listen(cast, call_id), listen(cast, call_id, mode="barge")
    cast.rest.post(f"/api/calls/{call_id}/hangup", {"leg": first["id"]})
    assert fake_worker.call_of(call_id).live
    assert fake_worker.call_of(call_id).supervisors == (second["supervising_call_id"],)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    assert not fake_worker.call_of(second["supervising_call_id"]).live
    assert fake_worker.event_types(call_id)[-2:] == ["leg.supervising_ended", "call.ended"]


@pytest.mark.parametrize("signal", [inputs.MediaFailed, inputs.WorkerLost])
def test_a_supervisor_whose_media_fail_leaves_alone(cast: Cast, signal: type) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    leg = fake_worker.call_of(made["supervising_call_id"]).supervisor
    assert leg is not None
    control.apply(made["supervising_call_id"], signal(leg.peer_id))
    assert not fake_worker.call_of(made["supervising_call_id"]).live
    assert fake_worker.call_of(call_id).live
    assert events_of(call_id)[-1]["reason"] == "failed"


def test_no_party_sees_it(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id, mode="barge")
    for person in (cast.alice, cast.bob):
        seen = person.rest.get(f"/api/calls/{call_id}").json()
        assert {leg["role"] for leg in seen["legs"]} == {"caller", "callee"}
        told = person.rest.get(f"/api/calls/{call_id}/events").json()["data"]
        assert not [each["type"] for each in told if "supervis" in each["type"]]
        assert not [each for each in told if made["id"] in str(each)]
        assert person.rest.get(f"/api/calls/{made['supervising_call_id']}").status_code == 404
        assert person.rest.get("/api/calls").json()["data"][0]["id"] == call_id
    seen = cast.rest.get(f"/api/calls/{call_id}").json()
    assert [leg["role"] for leg in seen["legs"]] == ["caller", "callee", "supervisor"]
    assert [each["id"] for each in cast.rest.get("/api/calls").json()["data"]] == [call_id]


def test_a_subscriber_is_rung_and_hears_once_it_answers(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    fake_worker.online(cast.carol)
    answer = cast.rest.post(f"/api/calls/{call_id}/listen", {"to": "/private/carol", "mode": "barge"})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["state"], made["address"], made["mode"]) == ("ringing", "/private/carol", "barge")
    assert not events_of(call_id)
    own = made["supervising_call_id"]
    assert cast.carol.rest.post(f"/api/calls/{own}/answer", {"sdp": fake_worker.SDP}).status_code == 200
    fake_worker.answer_offers(own)
    alice, bob = peers(call_id)
    assert plan_of(own, made["id"]).hears == "mix:" + ",".join(sorted([alice.peer_id, bob.peer_id]))
    assert events_of(call_id)[0]["address"] == "/private/carol"
    assert cast.carol.rest.get(f"/api/calls/{call_id}").status_code == 404
    for verb in ("transfer", "consult"):
        fields = {"to": "/private/alice"}
        error_of(cast.carol.rest.post(f"/api/calls/{own}/{verb}", fields), 409)
    assert cast.carol.rest.post(f"/api/calls/{own}/hangup").status_code == 200
    assert fake_worker.call_of(call_id).live


def test_a_subscriber_that_does_not_answer_changes_nothing(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    fake_worker.online(cast.carol)
    made = cast.rest.post(f"/api/calls/{call_id}/listen", {"to": "/private/carol"}).json()
    cast.carol.rest.post(f"/api/calls/{made['supervising_call_id']}/reject")
    assert fake_worker.call_of(call_id).supervisors == ()
    assert not events_of(call_id)


def test_whoever_heard_the_whisper_leaves_and_the_supervisor_listens_on(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id, mode="whisper", leg="callee")
    fake_worker.online(cast.carol)
    answer = cast.bob.rest.post(f"/api/calls/{call_id}/transfer", {"to": "/private/carol"})
    assert answer.status_code == 200, answer.content
    assert cast.carol.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP}).status_code == 200
    fake_worker.answer_offers(call_id)
    fake_worker.connect_media(call_id)
    alice = plan_of(call_id, fake_worker.leg_of(call_id, "caller").id)
    carol = plan_of(call_id, fake_worker.leg_of(call_id, "target").id)
    own = plan_of(made["supervising_call_id"], made["id"])
    assert own.muted == {"audio", "video"}
    assert own.hears == "mix:" + ",".join(sorted([alice.peer_id, carol.peer_id]))
    assert (alice.hears, carol.hears) == (f"peer:{carol.peer_id}", f"peer:{alice.peer_id}")
    assert (events_of(call_id)[-1]["mode"], events_of(call_id)[-1]["supervised_leg_id"]) == ("listen", None)


@pytest.mark.parametrize(
    ("fields", "status", "code", "attribute"),
    [
        ({"mode": "spy"}, 422, "invalid_parameter", "mode"),
        ({"mode": "whisper"}, 422, "leg_required", "leg"),
        ({"leg": "target"}, 422, "invalid_parameter", "leg"),
        ({"to": "/private/carol"}, 422, "invalid_parameter", "to"),
        ({"sdp": None}, 422, "missing_required_parameter", "sdp"),
        ({"sdp": "v=0"}, 422, "invalid_sdp", "sdp"),
        ({"sdp": None, "to": "/public/echo"}, 422, "invalid_destination", "to"),
        ({"sdp": None, "to": "/private/nobody"}, 404, "not_found", "to"),
        ({"modes": "listen"}, 422, "unknown_parameter", "modes"),
        ({"sdp": None, "to": "/private/carol", "timeout": 0}, 422, "invalid_parameter", "timeout"),
    ],
)
def test_a_wrong_wish_is_refused(
    cast: Cast, fields: dict[str, Any], status: int, code: str, attribute: str
) -> None:
    call_id = fake_worker.talking(cast)
    answer = cast.rest.post(f"/api/calls/{call_id}/listen", {"sdp": fake_worker.SDP, **fields})
    found = error_of(answer, status)
    assert (found["code"], found["attribute"]) == (code, attribute)
    assert fake_worker.call_of(call_id).supervisors == ()


def test_only_an_answered_call_is_listened_to_and_no_supervisor(cast: Cast) -> None:
    ringing = fake_worker.ringing(cast)
    answer = cast.rest.post(f"/api/calls/{ringing}/listen", {"sdp": fake_worker.SDP})
    assert "ringing" in error_of(answer, 409)["message"]
    cast.rest.post(f"/api/calls/{ringing}/hangup")
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    answer = cast.rest.post(f"/api/calls/{made['supervising_call_id']}/listen", {"sdp": fake_worker.SDP})
    assert error_of(answer, 409)["code"] == "not_allowed"
    for _ in range(3):
        listen(cast, call_id)
    error_of(cast.rest.post(f"/api/calls/{call_id}/listen", {"sdp": fake_worker.SDP}), 409)


def test_tokens_other_projects_and_lesser_keys_may_not(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    place = f"/api/calls/{call_id}/legs/{made['id']}"
    mallory = make_mallory()
    for who, status in ((cast.alice.rest, 403), (cast.gus.rest, 403), (mallory.rest, 404)):
        assert who.post(f"/api/calls/{call_id}/listen", {"sdp": fake_worker.SDP}).status_code == status
        assert who.patch(place, {"mode": "barge"}).status_code == status
        assert who.get(place).status_code == status
    for scopes in (["read"], ["call"], ["read", "call"]):
        key = cast.rest.post("/api/keys", {"name": "x", "scopes": scopes}).json()["key"]
        lesser = client(basic(cast.project.id, key))
        answer = lesser.post(f"/api/calls/{call_id}/listen", {"sdp": fake_worker.SDP})
        assert error_of(answer, 403)["code"] == "insufficient_scope"
        assert error_of(lesser.patch(place, {"mode": "barge"}), 403)["code"] == "insufficient_scope"


def test_only_a_supervisor_is_changed(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    for leg in (fake_worker.leg_of(call_id, "caller").id, call_id, "nothing"):
        assert cast.rest.patch(f"/api/calls/{call_id}/legs/{leg}", {"mode": "barge"}).status_code == 404
    caller = fake_worker.leg_of(call_id, "caller").id
    assert cast.rest.get(f"/api/calls/{call_id}/legs/{caller}").json()["role"] == "caller"
    assert cast.rest.get(f"/api/calls/{call_id}/legs/{call_id}").status_code == 404
    place = f"/api/calls/{call_id}/legs/{made['id']}"
    assert error_of(cast.rest.patch(place, {}), 422)["attribute"] == "mode"
    assert error_of(cast.rest.patch(place, {"mode": "whisper"}), 422)["code"] == "leg_required"
    assert error_of(cast.rest.patch(place, {"mod": "barge"}), 422)["code"] == "unknown_parameter"
    cast.rest.post(f"/api/calls/{call_id}/hangup", {"leg": made["id"]})
    assert error_of(cast.rest.patch(place, {"mode": "barge"}), 409)["code"] == "not_allowed"


@pytest.mark.parametrize("tone", [True, False])
def test_a_tone_is_the_projects_choice(cast: Cast, tone: bool) -> None:
    Project.objects.filter(pk=cast.project.id).update(policy={"supervision_tone": tone})
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    told = plan_of(made["supervising_call_id"], made["id"]).tells
    assert set(told) == ({peer.peer_id for peer in peers(call_id)} if tone else set())


def test_a_consultation_and_supervisors_go_together(cast: Cast) -> None:
    """Commands on any of three linked calls find the others, whichever comes first."""
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    fake_worker.online(cast.carol)
    second = cast.alice.rest.post(f"/api/calls/{call_id}/consult", {"to": "/private/carol"}).json()["id"]
    answer = cast.rest.patch(f"/api/calls/{call_id}/legs/{made['id']}", {"mode": "whisper", "leg": "callee"})
    assert answer.status_code == 200, answer.content
    assert cast.carol.rest.post(f"/api/calls/{second}/answer", {"sdp": fake_worker.SDP}).status_code == 200
    fake_worker.answer_offers(second)
    control.apply(made["supervising_call_id"], inputs.SetSupervision(SupervisionMode.LISTEN))
    assert cast.alice.rest.post(f"/api/calls/{second}/transfer/complete").status_code == 200
    assert fake_worker.call_of(call_id).supervisors == (made["supervising_call_id"],)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    assert not fake_worker.call_of(made["supervising_call_id"]).live


def test_erasing_the_call_erases_its_supervisors(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    made = listen(cast, call_id)
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    assert cast.rest.delete(f"/api/calls/{call_id}").status_code == 204
    assert not models.Call.objects.filter(pk=made["supervising_call_id"]).exists()
