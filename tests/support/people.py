"""The cast: alice, bob and carol are subscribers of one project; gus is its guest; mallory is another's.

mallory is a subscriber, and holds the key, of a project of her own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rest_framework.test import APIClient

from subscribers import provisioning
from subscribers.models import Address, Project, Subscriber
from tests.support.rest_client import Api, basic, client
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import Pair, create_project, issue_access, issue_api_token, issue_pair
from tokens.subjects import ApiKey, Entry, TokenHolder


@dataclass
class Person:
    """A subscriber (or guest) with a token, and a REST client that bears it."""

    name: str
    project: Project
    token: str
    holder: TokenHolder
    subscriber: Subscriber | None = None

    @property
    def address(self) -> str:
        return self.holder.address

    @property
    def rest(self) -> APIClient:
        return client("Bearer " + self.token)


@dataclass
class Cast:
    """A project, its API token and its people by name (`cast.alice`)."""

    project: Project
    api_token: str
    key: ApiKey
    people: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def id(self) -> Any:
        return self.project.pk

    @property
    def rest(self) -> APIClient:
        return client(basic(self.project.id, self.api_token))

    @property
    def api(self) -> Api:
        return Api(basic(self.project.id, self.api_token))

    def subscriber(self, reference: str, **fields: Any) -> Subscriber:
        return provisioning.provision_subscriber(self.project.pk, reference, fields)


def subscriber(
    project: Project, name: str, expires_at: datetime | None = None, allowed: tuple[Entry, ...] | None = None
) -> Person:
    row = provisioning.provision_subscriber(
        project.id, f"{name}@example.com", {"display_name": name.capitalize()}
    )
    grant = Grant(project.id, "subscriber", row.id, row.address, allowed, row.shown_name)
    token = issue_access(grant, expires_at)
    return Person(name, project, token, subject_from_token(token), row)


def guest(project: Project, allowed: tuple[Entry, ...]) -> Person:
    token = issue_access(Grant(project.id, "guest", None, "", allowed, "Gus"))
    return Person("gus", project, token, subject_from_token(token))


def make_cast() -> Cast:
    """alice, bob, carol and gus in one project; mallory in another (see `mallory_cast`)."""
    project = create_project("Acme")
    api_token = issue_api_token(project)
    cast = Cast(project, api_token, ApiKey(project.id))
    for name in ("alice", "bob", "carol"):
        cast.people[name] = subscriber(project, name)
    cast.people["gus"] = guest(project, (Entry("context", "private"),))
    return cast


def make_mallory() -> Cast:
    project = create_project("Evil")
    cast = Cast(project, issue_api_token(project), ApiKey(project.id))
    cast.people["mallory"] = subscriber(project, "mallory")
    return cast


def pair_for(row: Subscriber, allowed: tuple[Entry, ...] | None = None) -> Pair:
    return issue_pair(Grant(row.project_id, "subscriber", row.pk, row.address, allowed, row.shown_name))


def address_of(row: Any) -> Address:
    return Address.objects.get(project_id=row.project_id, resource_id=row.pk)
