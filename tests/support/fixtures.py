"""The cast as fixtures, a row each, for tests of subscribers and tokens."""

from __future__ import annotations

import pytest
import redis
from django.conf import settings

from subscribers.models import Subscriber
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api, bearer
from tokens import authentication, revocation
from tokens.claims import Grant
from tokens.issue import create_project, issue_api_token, issue_pair
from tokens.subjects import ApiKey, Entry


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    authentication.forget_keys()
    revocation.forget_looks()
    forget_failures()


def forget_failures() -> None:
    """No test suffers from the failures of the one before: all come from one address."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for name in (*client.scan_iter("cw:rate:wrong:*", 1000), *client.scan_iter("cw:rate:sign-in:*", 1000)):
        client.delete(name)


def _project(name: str) -> Cast:
    project = create_project(name)
    token = issue_api_token(project)
    return Cast(project, token, ApiKey(project.id))


@pytest.fixture
def house(db: None) -> Cast:
    return _project("Home")


@pytest.fixture
def mallory(db: None) -> Cast:
    return _project("Mallory's")


@pytest.fixture
def alice(house: Cast) -> Subscriber:
    return house.subscriber("alice@example.com", display_name="Alice", extension="101")


@pytest.fixture
def bob(house: Cast) -> Subscriber:
    return house.subscriber("bob@example.com", display_name="Bob", extension="102")


@pytest.fixture
def carol(house: Cast) -> Subscriber:
    return house.subscriber("carol@example.com", display_name="Carol")


@pytest.fixture
def alice_api(alice: Subscriber) -> Api:
    return bearer(pair_for(alice).token)


@pytest.fixture
def gus_token(house: Cast, bob: Subscriber) -> str:
    allowed = (Entry("address", str(address_of(bob).pk)),)
    return issue_pair(Grant(house.id, "guest", allowed=allowed, display_name="Gus")).token


@pytest.fixture
def gus_api(gus_token: str) -> Api:
    return bearer(gus_token)
