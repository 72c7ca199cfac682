"""POST /api/fabric/subscribers/tokens/refresh"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from subscribers.models import Subscriber
from tests.support.people import Cast, pair_for
from tests.support.rest_client import Api, bearer, code
from tokens.authentication import subject_from_token
from tokens.issue import refresh
from tokens.signing import InvalidToken
from tokens.subjects import Entry

PATH = "/api/fabric/subscribers/tokens/refresh"


def test_a_refresh_gives_a_new_pair_with_the_same_rights(house: Cast, alice: Subscriber) -> None:
    pair = pair_for(alice, (Entry("context", "public"),))
    answer = house.api.post(PATH, {"refresh_token": pair.refresh_token})
    assert answer.status_code == 201 and set(answer.json()) == {"token", "refresh_token"}
    holder = subject_from_token(answer.json()["token"])
    assert holder.allowed == (Entry("context", "public"),) and holder.subscriber_id == alice.pk
    assert abs(holder.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(seconds=10)


def test_a_refresh_token_works_once(house: Cast, alice: Subscriber) -> None:
    first = pair_for(alice).refresh_token
    second = house.api.post(PATH, {"refresh_token": first}).json()["refresh_token"]
    assert house.api.post(PATH, {"refresh_token": second}).status_code == 201
    assert code(house.api.post(PATH, {"refresh_token": first})) == (422, "token_invalid", "refresh_token")


def test_a_refresh_token_used_twice_revokes_all_that_came_from_it(house: Cast, alice: Subscriber) -> None:
    """RFC 9700 section 4.14.2: one of the two who used it has stolen it."""
    first, other = pair_for(alice), pair_for(alice)
    second = house.api.post(PATH, {"refresh_token": first.refresh_token}).json()
    third = house.api.post(PATH, {"refresh_token": second["refresh_token"]}).json()
    assert bearer(third["token"]).get("/api/fabric/subscriber/info").status_code == 200
    assert code(house.api.post(PATH, {"refresh_token": first.refresh_token}))[1] == "token_invalid"
    for token in (first.token, second["token"], third["token"]):
        assert code(bearer(token).get("/api/fabric/subscriber/info"))[1] == "token_revoked"
    assert code(house.api.post(PATH, {"refresh_token": third["refresh_token"]}))[1] == "token_invalid"
    assert bearer(other.token).get("/api/fabric/subscriber/info").status_code == 200, "another sign-in"


def test_another_project_cannot_revoke_by_using_it_again(
    house: Cast, mallory: Cast, alice: Subscriber
) -> None:
    first = pair_for(alice)
    second = house.api.post(PATH, {"refresh_token": first.refresh_token}).json()
    assert code(mallory.api.post(PATH, {"refresh_token": first.refresh_token}))[1] == "token_invalid"
    assert bearer(second["token"]).get("/api/fabric/subscriber/info").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_refreshes_at_once_one_succeeds(house: Cast, alice: Subscriber) -> None:
    text, outcomes = pair_for(alice).refresh_token, []

    def one() -> None:
        try:
            refresh(house.id, text)
            outcomes.append("pair")
        except InvalidToken:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["pair"] + ["refused"] * 7


@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": ""}, {"refresh_token": 5}, {"refresh_token": "x.y.z"}]
)
def test_what_is_no_refresh_token_is_422(house: Cast, body: Any) -> None:
    assert code(house.api.post(PATH, body))[::2] == (422, "refresh_token")


def test_an_access_token_is_not_a_refresh_token(house: Cast, alice: Subscriber) -> None:
    answer = house.api.post(PATH, {"refresh_token": pair_for(alice).token})
    assert code(answer) == (422, "not_a_refresh_token", "refresh_token")


def test_another_project_and_tokens_cannot_refresh(house: Cast, mallory: Cast, alice: Subscriber) -> None:
    pair = pair_for(alice)
    assert code(mallory.api.post(PATH, {"refresh_token": pair.refresh_token}))[0] == 422
    assert code(bearer(pair.token).post(PATH, {"refresh_token": pair.refresh_token}))[0] == 403
    assert code(Api().post(PATH, {"refresh_token": pair.refresh_token}))[0] == 401
    assert house.api.post(PATH, {"refresh_token": pair.refresh_token}).status_code == 201
