"""The standing cast: one project with alice, bob and carol, gus the guest, and mallory's other project."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from subscribers import enrolment
from subscribers.models import Address, Project, Subscriber
from tokens import authentication, revocation
from tokens.claims import Grant
from tokens.issue import Pair, create_project, issue_api_token, issue_pair
from tokens.subjects import Entry


class Api:
    """A JSON client with one set of credentials; answers are Django's test responses."""

    def __init__(self, authorization: str | None = None, client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=True)
        self.headers = {"Authorization": authorization} if authorization else {}

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(
            method,
            path,
            data,
            content_type="application/json",
            headers={**self.headers, **(headers or {})},
        )

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, {} if body is None else body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PUT", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("DELETE", path, **more)


@dataclass
class House:
    """A project with its API token and a client that uses it."""

    project: Project
    api_token: str
    api: Api

    @property
    def id(self) -> Any:
        return self.project.pk

    def subscriber(self, reference: str, **fields: Any) -> Subscriber:
        return enrolment.enrol(self.project.pk, reference, fields)


def basic(project_id: object, token: str) -> str:
    return "Basic " + base64.b64encode(f"{project_id}:{token}".encode()).decode()


def bearer(token: str) -> Api:
    return Api(f"Bearer {token}")


def pair_for(row: Subscriber, allowed: tuple[Entry, ...] | None = None) -> Pair:
    return issue_pair(Grant(row.project_id, "subscriber", row.pk, row.address, allowed, row.shown_name))


def address_of(row: Any) -> Address:
    return Address.objects.get(project_id=row.project_id, resource_id=row.pk)


def errors(response: Any) -> list[dict[str, Any]]:
    """The errors of an answer, after checking that each has the contract's shape."""
    listed = response.json()["errors"]
    assert listed
    for error in listed:
        assert set(error) == {"type", "code", "message", "attribute", "url"}, error
        assert error["message"]
    return list(listed)


def code(response: Any) -> tuple[int, str, str | None]:
    """(status, code, attribute) of the first error."""
    first = errors(response)[0]
    return response.status_code, first["code"], first["attribute"]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    authentication.forget_keys()
    revocation.forget_looks()


def _house(name: str) -> House:
    project = create_project(name)
    token = issue_api_token(project)
    return House(project, token, Api(basic(project.pk, token)))


@pytest.fixture
def house(db: None) -> House:
    return _house("Home")


@pytest.fixture
def mallory(db: None) -> House:
    return _house("Mallory's")


@pytest.fixture
def alice(house: House) -> Subscriber:
    return house.subscriber("alice@example.com", display_name="Alice", extension="101")


@pytest.fixture
def bob(house: House) -> Subscriber:
    return house.subscriber("bob@example.com", display_name="Bob", extension="102")


@pytest.fixture
def carol(house: House) -> Subscriber:
    return house.subscriber("carol@example.com", display_name="Carol")


@pytest.fixture
def alice_api(alice: Subscriber) -> Api:
    return bearer(pair_for(alice).token)


@pytest.fixture
def gus_token(house: House, bob: Subscriber) -> str:
    allowed = (Entry("address", str(address_of(bob).pk)),)
    return issue_pair(Grant(house.id, "guest", allowed=allowed, display_name="Gus")).token


@pytest.fixture
def gus_api(gus_token: str) -> Api:
    return bearer(gus_token)
