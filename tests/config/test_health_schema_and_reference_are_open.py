"""Paths that need no credentials."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from calling.models import MediaWorker


def worker(age: float = 0.0, draining: bool = False) -> None:
    MediaWorker.objects.create(
        name="media-1@here",
        host="here",
        pid=1,
        media_address="127.0.0.1",
        lock_key=1,
        draining=draining,
        heartbeat_at=timezone.now() - timedelta(seconds=age),
    )


def test_healthz_asks_nobody(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


def test_the_address_on_the_start_screen_opens_the_reference(client: Client) -> None:
    found = client.get("/api/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (found.status_code, found["Location"]) == (302, "/api/docs")


def test_what_browsers_and_crawlers_ask_for_is_there(client: Client) -> None:
    icon = client.get("/favicon.ico")
    assert icon.status_code == 302 and icon["Location"].endswith("mark.svg")
    robots = client.get("/robots.txt")
    assert (robots.status_code, robots["Content-Type"]) == (200, "text/plain")
    assert robots.content.splitlines() == [b"User-agent: *", b"Disallow: /"]


@pytest.mark.django_db
def test_readyz_counts_media_workers_with_a_fresh_heart_that_are_not_draining(client: Client) -> None:
    worker(age=60)
    worker(draining=True)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"database": True, "redis": True, "media_workers": 0},
    )
    worker(age=1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["media_workers"]) == (200, 1)


@pytest.mark.django_db
def test_the_schema_is_openapi_3_and_has_no_path_twice(client: Client) -> None:
    document = json.loads(client.get("/api/schema").content)
    assert document["openapi"].startswith("3.")
    assert "/api/calls" in document["paths"]
    ids = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.django_db
def test_the_reference_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources and all(source.startswith("/") for source in sources)
    assert 'id="error-address_not_allowed"' in page


@pytest.mark.django_db
def test_metrics_are_prometheus_text(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"# HELP python_info" in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_other_methods_are_the_contracts_405(path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    for send in (strict.post, strict.put, strict.delete, strict.options):
        answer = send(path)
        assert answer.status_code == 405 and answer["Allow"] == "GET, HEAD"
        assert answer.json()["errors"][0]["code"] == "method_not_allowed"


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_in_the_contracts_shape() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x", "password": "y"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "not_permitted")
