"""`manage.py project` and `manage.py prepare`."""

from __future__ import annotations

import dataclasses
import io
import re
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from config import env as environment
from config.first_project import ensure
from subscribers.models import Project
from tokens.issue import digest
from tokens.models import ApiToken

pytestmark = pytest.mark.django_db


def printed(*arguments: str) -> dict[str, str]:
    output = io.StringIO()
    call_command("project", *arguments, stdout=output)
    return dict(re.findall(r"^(.+?):\s+(\S+)$", output.getvalue(), re.MULTILINE))


def valid(project_id: str, token: str) -> bool:
    return ApiToken.objects.filter(
        project_id=project_id, digest=digest(token), revoked_at__isnull=True
    ).exists()


def test_create_prints_id_token_and_signing_key() -> None:
    shown = printed("create", "Acme Ltd")
    project = Project.objects.get(pk=shown["project id"])
    assert project.name == "Acme Ltd"
    assert shown["signing key"] == project.signing_key
    assert valid(shown["project id"], shown["API token"])


def test_token_adds_a_token_and_keeps_the_earlier_one() -> None:
    first = printed("create", "Acme")
    second = printed("token", first["project id"])
    assert second["API token"] != first["API token"]
    assert valid(first["project id"], first["API token"])
    assert valid(first["project id"], second["API token"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "nonsense"),
        ("token", str(uuid.UUID(int=7))),
        ("create", ""),
        ("create", "x" * 201),
        ("erase",),
    ],
)
def test_wrong_arguments_are_a_clear_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        printed(*arguments)


def test_a_second_start_keeps_project_token_and_password() -> None:
    env = environment.read({})
    first = ensure(env, None)
    assert ensure(env, first) == first
    assert valid(first.project_id, first.api_token)
    user = get_user_model().objects.get(username=first.admin_user)
    assert user.is_superuser and user.check_password(first.admin_password)


def test_an_empty_database_gets_the_stored_project_again() -> None:
    first = ensure(environment.read({}), None)
    Project.objects.all().delete()
    assert ensure(environment.read({}), first).project_id == first.project_id
    assert valid(first.project_id, first.api_token)


def test_a_revoked_token_is_not_revived_but_replaced() -> None:
    env = environment.read({})
    first = ensure(env, None)
    ApiToken.objects.update(revoked_at="2030-01-01T00:00:00Z")
    second = ensure(env, first)
    assert not valid(first.project_id, first.api_token)
    assert valid(second.project_id, second.api_token)


def test_the_environment_wins_over_what_is_stored() -> None:
    stored = ensure(environment.read({}), None)
    project = "0b0c0d0e-1111-4222-8333-444455556666"
    env = dataclasses.replace(
        environment.read({}), project_id=uuid.UUID(project), api_token="given", admin_password="chosen"
    )
    found = ensure(env, stored)
    assert (found.project_id, found.api_token, found.admin_password) == (project, "given", "chosen")
    assert valid(project, "given")
    assert get_user_model().objects.get(username="admin").check_password("chosen")


def test_a_password_changed_in_the_dashboard_is_left_alone() -> None:
    env = environment.read({})
    first = ensure(env, None)
    user = get_user_model().objects.get(username="admin")
    user.set_password("my own")
    user.save()
    second = ensure(env, first)
    assert second.admin_password == "(changed since)"
    assert ensure(env, second).admin_password == "(changed since)"
    user.refresh_from_db()
    assert user.check_password("my own")
