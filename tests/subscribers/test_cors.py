"""Pages on other origins may call the API with a token (browser SDK)."""

from __future__ import annotations

from tests.support.people import Cast
from tests.support.rest_client import Api

ORIGIN = {"Origin": "http://localhost:3000"}


def test_a_preflight_is_answered_without_credentials(db: None) -> None:
    answer = Api().call(
        "OPTIONS",
        "/api/fabric/subscriber/info",
        headers={
            **ORIGIN,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
            "Access-Control-Request-Private-Network": "true",
        },
    )
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    allowed = {name.strip() for name in answer["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key"} <= allowed
    assert {"GET", "POST", "OPTIONS"} <= {
        m.strip() for m in answer["Access-Control-Allow-Methods"].split(",")
    }
    assert answer["Access-Control-Allow-Private-Network"] == "true"


def test_answers_and_errors_carry_the_origin_and_no_credentials(house: Cast, alice_api: Api) -> None:
    for api, path, status in (
        (alice_api, "/api/fabric/subscriber/info", 200),
        (Api(), "/api/fabric/subscriber/info", 401),
        (alice_api, "/api/fabric/resources", 403),
        (alice_api, "/api/nothing", 404),
    ):
        answer = api.get(path, headers=ORIGIN)
        assert answer.status_code == status
        assert answer["Access-Control-Allow-Origin"] == ORIGIN["Origin"] and "Origin" in answer["Vary"]
        assert not answer.has_header("Access-Control-Allow-Credentials")
    large = alice_api.call("POST", "/api/nothing", b"x" * 300_000, headers=ORIGIN)
    assert large.status_code == 413 and large["Access-Control-Allow-Origin"]


def test_without_an_origin_nothing_is_added(alice_api: Api) -> None:
    assert not alice_api.get("/api/fabric/subscriber/info").has_header("Access-Control-Allow-Origin")
