"""A reference may have 255 characters, a shown name 200: the longer one is cut, not refused."""

from __future__ import annotations

from tests.support import people, rest_client


def test_a_long_reference_and_long_names_make_a_subscriber(db: None) -> None:
    cast = people.make_cast()
    path = "/api/fabric/subscribers/tokens"
    assert cast.rest.post(path, {"reference": "q" * 255}).status_code == 200
    body = {"reference": "long", "first_name": "f" * 100, "last_name": "l" * 100}
    answer = cast.rest.post(path, body)
    assert answer.status_code == 200, answer.content
    rest_client.error_of(cast.rest.post(path, {"reference": "q" * 256}), 422)
