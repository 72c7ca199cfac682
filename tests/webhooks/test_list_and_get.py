"""GET /api/webhooks and /api/webhooks/{id}."""

from __future__ import annotations

from tests.support import fake_worker
from tests.webhooks.refusals import to_strangers


def test_the_list_holds_the_projects_own_in_pages(cast, mallory, hook) -> None:
    second = cast.rest.post("/api/webhooks", {"url": "https://example.com/", "events": ["*"]}).json()
    page = cast.rest.get("/api/webhooks?page_size=1").json()
    assert [each["id"] for each in page["data"]] == [second["id"]] and page["links"]["next"]
    assert len(cast.rest.get("/api/webhooks").json()["data"]) == 2
    assert mallory.rest.get("/api/webhooks").json()["data"] == []


def test_one_endpoint_is_read(cast, hook) -> None:
    found = cast.rest.get(f"/api/webhooks/{hook['id']}").json()
    assert found == {name: value for name, value in hook.items() if name != "secret"}


def test_a_calls_own_status_url_is_not_an_endpoint_of_the_list(cast) -> None:
    body = {"to": cast.bob.address, "script": fake_worker.SCRIPT, "status_url": "https://example.com/status"}
    assert cast.rest.post("/api/calls", body).status_code == 201
    assert cast.rest.get("/api/webhooks").json()["data"] == []


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "get", "/api/webhooks")
    to_strangers(cast, mallory, "get", f"/api/webhooks/{hook['id']}")
