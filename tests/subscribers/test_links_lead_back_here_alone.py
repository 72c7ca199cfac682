"""Links and an error's url: by the name the client used where it is ours, never by one that it made up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.support.people import Cast


@pytest.fixture
def domain(settings: Any) -> Any:
    settings.CALLWRIGHT_DOMAIN = "calls.example.com:8443"
    settings.CALLWRIGHT_BIND = "192.0.2.10"
    return settings


OURS = [
    "calls.example.com",
    "calls.example.com:9",
    "FABRIC.calls.example.com",
    "localhost:8000",
    "127.0.0.1:8000",
    "[::1]:8000",
    "fabric.localhost",
    "192.0.2.10:8000",
    "203.0.113.7",
]
OTHERS = [
    "evil.example",
    "calls.example.com.evil.example",
    "evil.calls.example.com",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.0.2.11",
    "203.0.113.8",
    "[2001:db8::1]",
    "localhost:99999",
    "localhost:0",
    "127.0.0.1:000080000",
]

MALFORMED = [
    "calls.example.com@evil.example",
    "a b",
    "",
    "evil.example/calls.example.com",
    "calls.example.com\\evil.example",
    "calls.example.com:x",
]


def links(house: Cast, host: str, **more: str) -> set[str]:
    """Where the links of a page and the url of an error lead to."""
    client, environ = Client(), {"HTTP_HOST": host, "SERVER_NAME": "203.0.113.7", **more}
    page = client.get(
        "/api/fabric/addresses", HTTP_AUTHORIZATION=house.api.headers["Authorization"], **environ
    )
    log = client.get("/api/events", HTTP_AUTHORIZATION=house.api.headers["Authorization"], **environ)
    error = client.get("/api/calls", **environ)
    assert (page.status_code, log.status_code, error.status_code) == (200, 200, 401), page.content
    found = [page.json()["links"]["self"], page.json()["links"]["first"], log.json()["links"]["next"]]
    found.append(error.json()["errors"][0]["url"])
    return {url.split("/api/")[0] for url in found}


@pytest.mark.parametrize("host", OURS)
def test_a_name_of_ours_is_kept(house: Cast, domain: Any, host: str) -> None:
    assert links(house, host) == {f"http://{host.lower()}"}
    assert links(house, host, **{"wsgi.url_scheme": "https"}) == {f"https://{host.lower()}"}


@pytest.mark.parametrize("host", OTHERS)
def test_a_name_that_is_not_ours_is_the_domain_s(house: Cast, domain: Any, host: str) -> None:
    assert links(house, host) == {"https://calls.example.com:8443"}


@pytest.mark.parametrize("host", MALFORMED)
def test_what_is_no_name_is_refused(house: Cast, domain: Any, host: str) -> None:
    answer = house.api.client.get("/api/calls", HTTP_HOST=host)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["url"].startswith("https://calls.example.com:8443/")


def test_headers_of_proxies_that_nobody_trusts_say_nothing(house: Cast, domain: Any) -> None:
    lies = {
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_X_FORWARDED_PROTO": "x",
        "HTTP_FORWARDED": "host=x",
    }
    assert links(house, "localhost:8000", **lies) == {"http://localhost:8000"}


def test_outside_of_requests_it_is_the_domain(house: Cast, domain: Any) -> None:
    from rest.links import absolute

    links(house, "localhost:8000")
    assert absolute("/x") == "https://calls.example.com:8443/x"
