"""POST /api/tokens/revoke"""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from subscribers.models import Subscriber
from tests.support.meanwhile import open_for_a_while
from tests.support.people import Cast, pair_for
from tests.support.rest_client import Api, bearer, code
from tokens import revocation
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import forget_expired, issue_invite, issue_pair, refresh
from tokens.models import IssuedToken
from tokens.signing import InvalidToken, verify

PATH, INFO = "/api/tokens/revoke", "/api/fabric/subscriber/info"
REFRESH = "/api/fabric/subscribers/tokens/refresh"


@pytest.mark.parametrize("way", ["jti", "token", "refresh token"])
def test_a_revoked_token_is_refused_and_cannot_be_refreshed(house: Cast, alice: Subscriber, way: str) -> None:
    pair, other = pair_for(alice), pair_for(alice)
    assert bearer(pair.token).get(INFO).status_code == 200
    body = {
        "jti": {"jti": verify(pair.token, "SAT")["jti"]},
        "token": {"token": pair.token},
        "refresh token": {"token": pair.refresh_token},
    }[way]
    assert house.api.post(PATH, body).json() == {"revoked": True}
    assert code(bearer(pair.token).get(INFO))[:2] == (401, "token_revoked")
    assert code(house.api.post(REFRESH, {"refresh_token": pair.refresh_token}))[0] == 422
    assert bearer(other.token).get(INFO).status_code == 200
    assert house.api.post(PATH, body).status_code == 200


def test_revoking_a_subscriber_ends_all_tokens_until_now(
    house: Cast, alice: Subscriber, bob: Subscriber
) -> None:
    old = [pair_for(alice).token for _ in range(3)]
    kept = pair_for(bob).token
    house.api.post(PATH, {"subscriber_id": str(alice.pk)})
    assert all(bearer(token).get(INFO).status_code == 401 for token in old)
    assert bearer(kept).get(INFO).status_code == 200
    assert bearer(pair_for(alice).token).get(INFO).status_code == 200


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_expired_token_takes_back_what_came_from_it(
    house: Cast, mallory: Cast, alice: Subscriber, forgotten: bool
) -> None:
    """Who finds a token in a log revokes it, whether or not its holder has refreshed it since."""
    grant = Grant(house.id, "subscriber", alice.pk, alice.address)
    first = issue_pair(grant, timezone.now() - timedelta(minutes=1))
    second = house.api.post(REFRESH, {"refresh_token": first.refresh_token}).json()
    if forgotten:
        issued = IssuedToken.objects.filter(expires_at__lt=timezone.now() + timedelta(minutes=10))
        assert issued.delete()[0] == 2
    assert code(mallory.api.post(PATH, {"token": first.token}))[0] == 404
    assert bearer(second["token"]).get(INFO).status_code == 200
    assert house.api.post(PATH, {"token": first.token}).status_code == 200
    assert code(bearer(second["token"]).get(INFO))[:2] == (401, "token_revoked")
    assert code(house.api.post(REFRESH, {"refresh_token": second["refresh_token"]}))[0] == 422


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["a refresh", "an invite"])
def test_what_is_made_while_a_token_is_revoked_is_revoked_too(
    house: Cast, alice: Subscriber, way: str
) -> None:
    """The maker has the row of its token when the revocation comes, and commits behind it."""
    pair, made = pair_for(alice), []
    holder = subject_from_token(pair.token)

    def make() -> None:
        if way == "a refresh":
            made.append(refresh(house.id, pair.refresh_token).token)
        else:
            made.append(issue_invite(holder, Grant(house.id, "invite")))

    with open_for_a_while(make):
        revocation.revoke_token(house.id, holder.jti)
    with pytest.raises(InvalidToken):
        subject_from_token(made[0])


def test_a_token_is_known_for_as_long_as_a_call_may_outlive_it(house: Cast, alice: Subscriber) -> None:
    grant = Grant(house.id, "subscriber", alice.pk, alice.address)
    for hours in (23, 26):
        issue_pair(grant, timezone.now() - timedelta(hours=hours))
    forget_expired()
    assert IssuedToken.objects.filter(expires_at__lt=timezone.now()).count() == 2


def test_deleting_the_subscriber_ends_its_tokens(house: Cast, alice: Subscriber) -> None:
    holder = subject_from_token(pair_for(alice).token)
    house.api.delete(f"/api/fabric/resources/subscribers/{alice.pk}")
    assert revocation.revoked_among([holder]) == {holder.jti}


def test_another_process_learns_of_it_within_two_seconds(house: Cast, alice: Subscriber) -> None:
    """The other process has looked just now and hears no message; only its next look can tell it."""
    token = pair_for(alice).token
    holder = subject_from_token(token)
    assert not revocation.is_revoked(holder)
    IssuedToken.objects.filter(jti=holder.jti).update(revoked_at="2026-01-01T00:00:00Z")
    started = time.monotonic()
    while not revocation.is_revoked(holder):
        assert time.monotonic() - started < 2
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_sockets_are_told(house: Cast, alice: Subscriber) -> None:
    holder = subject_from_token(pair_for(alice).token)
    subscription = redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(revocation.CHANNEL)
    subscription.get_message(timeout=1)
    house.api.post(PATH, {"subscriber_id": str(alice.pk)})
    deadline, message = time.monotonic() + 2, None
    while message is None and time.monotonic() < deadline:
        message = subscription.get_message(timeout=0.2)
    subscription.close()
    assert message is not None
    told = json.loads(message["data"])
    assert told["project_id"] == str(house.id) and str(holder.jti) in told["jtis"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"jti": "x"}, 422),
        ({"jti": 5}, 422),
        ({"token": "x"}, 422),
        ({"token": 5}, 422),
        ({"subscriber_id": []}, 422),
        ({"jti": str(uuid.uuid4())}, 404),
        ({"subscriber_id": str(uuid.uuid4())}, 404),
        ({"jti": str(uuid.uuid4()), "subscriber_id": str(uuid.uuid4())}, 422),
    ],
)
def test_wrong_requests(house: Cast, body: Any, status: int) -> None:
    assert code(house.api.post(PATH, body))[0] == status


def test_another_projects_tokens_look_like_none(mallory: Cast, alice: Subscriber) -> None:
    token = pair_for(alice).token
    jti = verify(token, "SAT")["jti"]
    for body in ({"token": token}, {"jti": jti}, {"subscriber_id": str(alice.pk)}):
        assert code(mallory.api.post(PATH, body))[0] == 404
    assert bearer(token).get(INFO).status_code == 200


def test_tokens_cannot_revoke(alice: Subscriber, alice_api: Api) -> None:
    assert code(alice_api.post(PATH, {"subscriber_id": str(alice.pk)}))[0] == 403
    assert code(Api().post(PATH, {}))[0] == 401
