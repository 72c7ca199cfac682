"""Projects and their API tokens."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from tests.support.people import Cast
from tests.support.rest_client import Api, basic
from tokens import revocation
from tokens.authentication import subject_from_basic
from tokens.issue import create_project, issue_api_token
from tokens.models import ApiToken
from tokens.signing import InvalidToken
from tokens.subjects import ApiKey


def test_an_api_token_is_kept_as_a_hash(house: Cast) -> None:
    assert house.api_token.startswith("PT") and len(house.api_token) == 66
    row = ApiToken.objects.get(project=house.project)
    assert house.api_token not in (row.digest, row.hint) and house.api_token.startswith(row.hint)
    assert subject_from_basic(str(house.id), house.api_token) == ApiKey(house.id)


def test_several_tokens_work_side_by_side_and_end_alone(house: Cast) -> None:
    second = issue_api_token(house.project)
    assert subject_from_basic(str(house.id), second)
    revocation.revoke_api_tokens(ApiToken.objects.filter(hint=house.api_token[:6]).exclude(hint=second[:6]))
    assert subject_from_basic(str(house.id), second)


def test_a_revoked_api_token_is_refused_within_two_seconds(house: Cast) -> None:
    assert house.api.get("/api/fabric/resources").status_code == 200
    revocation.revoke_api_tokens(ApiToken.objects.filter(project=house.project))
    started = time.monotonic()
    while house.api.get("/api/fabric/resources").status_code != 401:
        assert time.monotonic() - started < 2
        time.sleep(0.02)


@pytest.mark.parametrize("token", ["", "PT", "wrong" * 10, None, 5, b"x", "x" * 600, "\ud800"])
def test_wrong_tokens_are_refused(house: Cast, token: object) -> None:
    with pytest.raises(InvalidToken):
        subject_from_basic(str(house.id), token)


@pytest.mark.parametrize("project", ["", "x", None, 5, "7b0ace07-b02f-4a8a-afa8-2e72fa40d72a", "\x00"])
def test_wrong_projects_are_refused(house: Cast, project: object) -> None:
    with pytest.raises(InvalidToken):
        subject_from_basic(project, house.api_token)


def test_another_projects_token_opens_nothing_here(house: Cast, mallory: Cast) -> None:
    assert Api(basic(house.id, mallory.api_token)).get("/api/fabric/resources").status_code == 401


def test_given_ids_and_tokens_are_kept(db: None) -> None:
    id = uuid4()
    project = create_project("Given", id)
    assert create_project("Again", id).pk == project.pk == id
    assert issue_api_token(project, "a token from the environment") == "a token from the environment"
    issue_api_token(project, "a token from the environment")
    assert ApiToken.objects.filter(project=project).count() == 1
    with pytest.raises(ValueError, match="at least 16"):
        issue_api_token(project, "short")
    assert project.signing_key.startswith("whsec_")
