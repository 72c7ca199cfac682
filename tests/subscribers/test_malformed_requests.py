"""What is no proper request gets a typed error, never a 500 (docs/security.md#r13)."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
from django.conf import settings as conf
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, DataError, OperationalError
from django.http import HttpResponse
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from rest import errors as problems
from rest import json_bodies
from tests.support.people import Cast
from tests.support.rest_client import Api, code, errors

PATH = "/api/fabric/subscribers/tokens"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"nope", b"{'a':1}", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e999}', b'{"a":1}x',
        b'{"a":1,"a":2}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":9223372036854775808}', b"\xff\xfe{}",
        b'{"a":"\xc3"}',
        b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b'{"\\udfff":1}', b"[" * 33 + b"]" * 33, b"[" * 100_000,
        b'{"a":' * 40_000, b'{"a":"\x00"}',
    ],
)  # fmt: skip
def test_what_is_not_json_is_400(house: Cast, raw: bytes) -> None:
    answer = house.api.call("POST", PATH, raw)
    if raw == b"":
        assert answer.status_code == 422
    else:
        assert answer.status_code == 400 and errors(answer)


def test_32_levels_are_fine_and_brackets_in_strings_do_not_count(house: Cast) -> None:
    deep: Any = "x"
    for _ in range(31):
        deep = [deep]
    body = {"reference": "a", "other": deep}
    assert house.api.post(PATH, body).status_code == 200
    body = {"reference": "a", "other": "[{" * 1000 + '\\"['}
    assert house.api.post(PATH, body).status_code == 200


def test_a_large_body_is_413(house: Cast) -> None:
    text = json.dumps({"reference": "a", "x": "y" * 262_144})
    assert code(house.api.call("POST", PATH, text))[0] == 413
    fits = json.dumps({"reference": "a", "x": "y" * 262_000})
    assert house.api.call("POST", PATH, fits).status_code == 200


def test_a_large_body_without_length_is_413(db: None) -> None:
    """As uvicorn hands a chunked request over: no Content-Length, and all the bytes."""
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": []}
    request = ASGIRequest(scope, io.BytesIO(b"x" * 300_000))
    assert json_bodies.BoundedBody(lambda request: HttpResponse())(request).status_code == 413
    request = ASGIRequest(scope, io.BytesIO(b"{}"))
    assert json_bodies.BoundedBody(lambda request: HttpResponse(request.body))(request).content == b"{}"
    assert request.META["CONTENT_LENGTH"] == "2"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""]
)
def test_another_content_type_is_415(house: Cast, kind: str) -> None:
    answer = house.api.client.generic(
        "POST", PATH, b'{"reference":"a"}', content_type=kind, headers=house.api.headers
    )
    assert code(answer)[0] == 415


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity", "x"])
def test_a_compressed_body_is_415(house: Cast, coding: str) -> None:
    plain, packed = b'{"reference":"a"}', gzip.compress(b'{"reference":"a"}')
    for raw in (plain, packed):
        answer = house.api.call("POST", PATH, raw, headers={"Content-Encoding": coding})
        assert code(answer)[0] == 415 and "Content-Encoding" in errors(answer)[0]["message"]
    assert house.api.call("POST", PATH, plain, headers={"Content-Encoding": "identity"}).status_code == 200


def test_a_byte_order_mark_is_passed_over(house: Cast) -> None:
    assert house.api.call("POST", PATH, b'\xef\xbb\xbf{"reference":"a"}').status_code == 200


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":1,"a":2}', "twice"), (b'{"a":NaN}', "NaN"), (b'{"a":1e999}', "too large"),
        (b'{"a":"\xff"}', "UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_json_is_said(house: Cast, raw: bytes, said: str) -> None:
    assert said in errors(house.api.call("POST", PATH, raw))[0]["message"]


@pytest.mark.parametrize("host", ["call_wright:8000", "web_1", "a~b.example"])
def test_a_host_of_an_unusual_name_is_served(house: Cast, host: str) -> None:
    """Containers are called so; links name the domain, as for any name that is not ours."""
    answer = house.api.get("/api/fabric/addresses", headers={"Host": host})
    assert answer.status_code == 200
    assert answer.json()["links"]["first"].startswith(f"https://{conf.CALLWRIGHT_DOMAIN}/")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_with_parameters_is_json(house: Cast, kind: str) -> None:
    answer = house.api.client.generic(
        "POST", PATH, b'{"reference":"a"}', content_type=kind, headers=house.api.headers
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "\x01"])
def test_accept_is_not_bargained_over(house: Cast, accept: str) -> None:
    answer = house.api.get("/api/fabric/addresses", headers={"Accept": accept})
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/api/x", "/api/", "/api/fabric/resources/nothing", "/api/fabric/addresses/x"]
)
def test_unknown_paths_are_404_in_json(db: None, path: str) -> None:
    assert code(Api().get(path))[0] == 404
    assert code(Api().post(path, {}))[0] == 404


def test_a_wrong_host_header_is_400_or_ignored(house: Cast) -> None:
    answer = house.api.client.get("/api/fabric/addresses", headers={**house.api.headers, "Host": "a b\x01"})
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    "kind", ["ai_agents", "call_flows", "cxml_scripts", "swml_webhooks", "relay_applications"]
)
def test_kinds_that_are_not_here_are_422_by_name(house: Cast, kind: str) -> None:
    for path in (f"/api/fabric/resources/{kind}", f"/api/fabric/resources/{kind}/x"):
        for verb in ("GET", "POST", "PUT", "DELETE"):
            answer = house.api.call(verb, path, {})
            assert code(answer)[:2] == (422, "not_supported") and kind in errors(answer)[0]["message"]


def test_a_database_that_is_away_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = problems.exception_handler(OperationalError("gone"), {})
    assert answer is not None and answer.status_code == 503 and answer["Retry-After"] == "2"
    failed = problems.exception_handler(DatabaseError("a bug"), {})
    assert failed is not None and failed.status_code == 500 and "a bug" not in str(failed.data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["reference", "email", "name", "contents", "allowed_addresses", "expire_at", "password", "extension",
     "uri", "number", "address", "address_id", "subscriber_id", "codecs", "headers", "max_members", "meta",
     "jti", "token", "refresh_token", "timezone", "prefixes", "username", "join_from", "encryption"]
)  # fmt: skip
PATHS = st.sampled_from(
    [PATH, f"{PATH}/refresh", "/api/fabric/guests/tokens", "/api/fabric/embeds/tokens", "/api/fabric/embeds",
     "/api/tokens/revoke", "/api/phone_numbers", "/api/fabric/resources/subscribers",
     "/api/fabric/resources/conference_rooms", "/api/fabric/resources/swml_scripts",
     "/api/fabric/resources/sip_gateways", "/api/fabric/resources/sip_endpoints"]
)  # fmt: skip


@seed(20261121)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PATHS, st.dictionaries(FIELDS, VALUES, max_size=6) | VALUES)
def test_no_body_makes_a_500(house: Cast, path: str, body: Any) -> None:
    answer = house.api.call("POST", path, json.dumps(body, ensure_ascii=True))
    assert answer.status_code < 500
    if answer.status_code >= 400:
        errors(answer)


@seed(20261121)
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0d8-1e.', max_size=40).map(str.encode))
def test_bytes_are_json_or_400(raw: bytes) -> None:
    try:
        json_bodies.loads(raw)
    except problems.ApiError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    "fault", [DataError("value too long for type character varying(200)"), RecursionError()]
)
def test_what_no_reader_had_judged_is_400_and_leaves_a_log_line(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = problems.exception_handler(fault, {})
    assert answer is not None and answer.status_code == 400
    (line,) = caplog.records
    assert line.levelname == "ERROR" and line.exc_info is not None and line.exc_info[1] is fault


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/rooms/%00"), ("POST", "/api/rooms/a%00b/lock"), ("GET", "/api/calls/%00"),
        ("POST", "/api/calls/01a1fcbe-0ee0-7e3b-929e-4e3b5fbd5bb2/play/%00/stop"),
        ("GET", "/api/recordings/%00"), ("GET", "/api/webhooks/%00"), ("DELETE", "/api/alerts/%00"),
    ],
)  # fmt: skip
def test_nothing_has_a_name_with_nul(
    house: Cast, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert code(house.api.call(method, path, {} if method == "POST" else None))[0] == 404
    assert not [each for each in caplog.records if each.levelname == "ERROR"]
