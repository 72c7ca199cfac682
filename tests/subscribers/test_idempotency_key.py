"""Idempotency-Key: the same key and body give the same answer, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory
from django.utils import timezone

from subscribers.idempotency import IdempotencyMiddleware, forget_answers
from subscribers.models import StoredAnswer, Subscriber
from tests.support.people import Cast, address_of
from tests.support.rest_client import Api, basic, code
from tokens.authentication import subject_from_token
from tokens.models import EmbedToken

PATH = "/api/fabric/resources/subscribers"
TOKENS = "/api/fabric/subscribers/tokens"


def test_a_repeated_request_gets_the_first_answer(house: Cast) -> None:
    first = house.api.post(PATH, {"email": "a@x.example"}, headers={"Idempotency-Key": "k1"})
    again = house.api.post(PATH, {"email": "a@x.example"}, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content and again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true" and not first.has_header("Idempotent-Replayed")
    assert Subscriber.objects.count() == 1


def test_another_body_or_path_with_the_key_is_422(house: Cast) -> None:
    house.api.post(PATH, {"email": "a@x.example"}, headers={"Idempotency-Key": "k1"})
    for path, body in ((PATH, {"email": "b@x.example"}), (TOKENS, {"email": "a@x.example"})):
        answer = house.api.post(path, body, headers={"Idempotency-Key": "k1"})
        assert code(answer) == (422, "idempotency_key_reused", "Idempotency-Key")


def test_keys_belong_to_their_caller(house: Cast, mallory: Cast) -> None:
    body, headers = {"reference": "a"}, {"Idempotency-Key": "k1"}
    first = house.api.post(TOKENS, body, headers=headers).json()
    assert mallory.api.post(TOKENS, body, headers=headers).json()["subscriber_id"] != first["subscriber_id"]
    assert Api().post(TOKENS, body, headers=headers).status_code == 401
    assert Api(basic(house.id, "wrong" * 5)).post(TOKENS, body, headers=headers).status_code == 401


def test_nothing_is_kept_for_who_has_no_credentials(house: Cast, alice: Subscriber) -> None:
    """Strangers would fill the table, and two visitors with one key would share a guest token."""
    embed = EmbedToken.objects.create(project=house.project, address=address_of(alice), name="Desk")
    headers, path = {"Idempotency-Key": "1"}, "/api/embeds/tokens"
    gus, mallory = (Api().post(path, {"token": embed.token}, headers=headers) for _ in range(2))
    assert gus.status_code == mallory.status_code == 201 and not mallory.has_header("Idempotent-Replayed")
    assert subject_from_token(gus.json()["token"]).jti != subject_from_token(mallory.json()["token"]).jti
    wrong = (None, "", "Basic", "Basic !!!", "Bearer x.y.z", "Digest realm=x", basic(house.id, "no"))
    for authorization in wrong:
        Api(authorization).post(PATH, {"email": "a@x.example"}, headers=headers)
    assert StoredAnswer.objects.count() == 0


def test_stored_answers_are_encrypted(house: Cast) -> None:
    token = house.api.post(TOKENS, {"reference": "a"}, headers={"Idempotency-Key": "k1"}).json()["token"]
    row = StoredAnswer.objects.get()
    assert token.encode() not in bytes(row.sealed) and b"token" not in bytes(row.sealed)


def test_a_refusal_is_kept_too(house: Cast) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = house.api.post(PATH, {}, headers=headers)
    again = house.api.post(PATH, {}, headers=headers)
    assert first.status_code == again.status_code == 422 and again["Idempotent-Replayed"]


@pytest.mark.parametrize("key", ["", "x" * 256, "with\ttab", "smörgås"])
def test_a_wrong_key_is_422(house: Cast, key: str) -> None:
    answer = house.api.post(PATH, {}, headers={"Idempotency-Key": key})
    assert code(answer) == (422, "invalid_parameter", "Idempotency-Key")


def test_after_a_day_the_key_is_free(house: Cast) -> None:
    headers = {"Idempotency-Key": "k1"}
    house.api.post(PATH, {"email": "a@x.example"}, headers=headers)
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert house.api.post(PATH, {"email": "b@x.example"}, headers=headers).status_code == 201
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_answers() == 1


def through(house: Cast, view: Callable[[HttpRequest], HttpResponse], key: str = "k1") -> Any:
    request = RequestFactory().post(
        "/api/x", b"{}", "application/json", headers={**house.api.headers, "Idempotency-Key": key}
    )
    return IdempotencyMiddleware(view)(request)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_should_be_tried_again_is_not_kept(house: Cast, status: int) -> None:
    answers = iter([JsonResponse({}, status=status), JsonResponse({"ok": 1})])
    assert through(house, lambda request: next(answers)).status_code == status
    assert through(house, lambda request: next(answers)).status_code == 200


def test_a_retry_after_a_crash_has_the_same_claim(house: Cast) -> None:
    claims = []

    def dies(request: HttpRequest) -> HttpResponse:
        claims.append(request.claim)  # type: ignore[attr-defined]
        raise SystemExit

    def works(request: HttpRequest) -> HttpResponse:
        claims.append(request.claim)  # type: ignore[attr-defined]
        return JsonResponse({})

    with pytest.raises(SystemExit):
        through(house, dies)
    # As after kill -9: the claim is still there, and runs out.
    StoredAnswer.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    through(house, works)
    assert claims[0] == claims[1]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_does_the_work_and_all_get_its_answer(house: Cast) -> None:
    keys, each, made, answers = 4, 6, [], []

    def work(request: HttpRequest) -> HttpResponse:
        made.append(1)
        connection.close()
        threading.Event().wait(0.1)
        return JsonResponse({"n": len(made)}, status=201)

    def one(key: str) -> None:
        try:
            answers.append((key, through(house, work, key).content))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(f"k{n % keys}",)) for n in range(keys * each)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == keys and len(answers) == keys * each
    assert len(set(answers)) == keys
