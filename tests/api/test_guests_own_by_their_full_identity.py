"""Two guests with one short address are two guests: rights go by the full identity."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from calling import models
from calling.calls.mapping import leg_value
from calling.commands import leg_selection
from calling.signalwire.browser import session_auth
from calling.sockets.phone import auth
from rest import errors
from tests.support import fake_worker, rest_client
from tests.support.people import Cast, Person
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import issue_pair, refresh
from tokens.signing import InvalidToken
from tokens.subjects import Entry, HolderKind, name_of

SHORT = "abad1dea"


def caller_only(cast: Cast, kind: HolderKind = "guest") -> tuple[Person, str]:
    """One of many whose family begins with the same 32 bits, and its refresh token."""
    grant = Grant(cast.project.id, kind, None, "", (Entry("context", "private"),), "Gus")
    pair = issue_pair(grant, family=UUID(SHORT + uuid4().hex[8:]))
    return Person("gus", cast.project, pair.token, subject_from_token(pair.token)), pair.refresh_token


def dialled(cast: Cast, who: Person) -> str:
    answer = who.rest.post("/api/calls", {"to": cast.bob.address, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


@pytest.mark.parametrize("kind", ["guest", "embed", "invite"])
def test_a_namesake_finds_nothing_of_the_others_call(cast: Cast, kind: HolderKind) -> None:
    gus, twin = caller_only(cast, kind)[0], caller_only(cast, kind)[0]
    assert gus.address == twin.address == f"/guest/{SHORT}"
    call_id = dialled(cast, gus)
    assert [each["id"] for each in gus.rest.get("/api/calls").json()["data"]] == [call_id]
    assert twin.rest.get("/api/calls").json()["data"] == []
    rest_client.error_of(twin.rest.get(f"/api/calls/{call_id}"), 404)
    rest_client.error_of(twin.rest.post(f"/api/calls/{call_id}/hangup", {}), 404)
    assert gus.rest.post(f"/api/calls/{call_id}/hangup", {}).status_code == 200


def test_in_one_call_a_namesakes_leg_is_not_its_own(cast: Cast) -> None:
    gus, twin = caller_only(cast)[0], caller_only(cast)[0]
    dialled(cast, gus)
    value = leg_value(models.Leg.objects.get(role="caller"), [])
    assert leg_selection.is_own(gus.holder, value) and not leg_selection.is_own(twin.holder, value)


def test_whoever_refreshes_stays_who_it_was(cast: Cast) -> None:
    gus, again = caller_only(cast)
    call_id = dialled(cast, gus)
    later = refresh(cast.project.id, again)
    assert subject_from_token(later.token).identity == gus.holder.identity
    assert rest_client.client("Bearer " + later.token).get(f"/api/calls/{call_id}").status_code == 200


def test_a_namesake_cannot_take_a_device_over(cast: Cast) -> None:
    gus, twin = caller_only(cast)[0], caller_only(cast)[0]
    device = auth.welcome({"token": gus.token}, uuid4(), "").device_id
    with pytest.raises(errors.Forbidden, match="somebody else"):
        auth.welcome({"token": twin.token, "device_id": device}, uuid4(), "")
    assert auth.welcome({"token": gus.token, "device_id": device}, uuid4(), "").came_back


def test_a_namesake_cannot_go_on_with_a_browser_session(cast: Cast) -> None:
    gus, twin = caller_only(cast)[0], caller_only(cast)[0]
    first = session_auth.authenticate({"authentication": {"jwt_token": gus.token}}, uuid4(), "")
    former = {"authorization_state": first.state, "protocol": session_auth.PROTOCOL + first.device_id}
    other = session_auth.authenticate({"authentication": {"jwt_token": twin.token}, **former}, uuid4(), "")
    assert other.device_id != first.device_id
    with pytest.raises(InvalidToken):
        session_auth.renew(gus.holder, {"authentication": {"jwt_token": twin.token}})
    same = session_auth.authenticate({"authentication": {"jwt_token": gus.token}, **former}, uuid4(), "")
    assert same.device_id == first.device_id


def test_namesakes_have_rates_and_stored_answers_of_their_own(cast: Cast) -> None:
    gus, twin = caller_only(cast)[0], caller_only(cast)[0]
    assert name_of(gus.holder) != name_of(twin.holder)
    body, key = {"to": cast.bob.address, "sdp": fake_worker.SDP}, {"Idempotency-Key": "1"}
    first, second = (each.rest.post("/api/calls", body, headers=key).json()["id"] for each in (gus, twin))
    assert first != second


def test_a_live_call_of_the_version_before_is_found_by_its_address_until_it_ends(cast: Cast) -> None:
    gus = caller_only(cast)[0]
    call_id = dialled(cast, gus)
    models.Leg.objects.filter(role="caller").update(holder="")
    assert gus.rest.get(f"/api/calls/{call_id}").status_code == 200
    models.Leg.objects.filter(role="caller").update(state="ended")
    rest_client.error_of(gus.rest.get(f"/api/calls/{call_id}"), 404)
