"""The project, API token and admin that a fresh instance has; made once, kept from start to start."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.db import transaction

from config.env import Environment
from config.supervisor.credentials import Credentials
from subscribers.models import Project
from tokens.issue import create_project, digest, issue_api_token
from tokens.models import ApiToken

ADMIN = "admin"
_CHANGED = "(changed since)"


@transaction.atomic
def ensure(env: Environment, stored: Credentials | None) -> Credentials:
    """Makes what is missing. What the environment gives wins over what is stored; the rest is kept."""
    project = _project(env, stored)
    if env.database_url is None and project.trusted is None:  # who runs it is whose project it is
        project.trusted = True
        project.save(update_fields=["trusted"])
    token = _token(env, stored, project)
    password = _admin_password(env, stored)
    return Credentials(
        project_id=str(project.pk),
        api_token=token,
        signing_key=project.signing_key,
        admin_user=ADMIN,
        admin_password=password,
    )


def _project(env: Environment, stored: Credentials | None) -> Project:
    wanted = env.project_id or (stored.project_id if stored else None)
    return create_project("First project", wanted)


def _token(env: Environment, stored: Credentials | None, project: Project) -> str:
    if env.api_token is not None:
        return issue_api_token(project, env.api_token, name="CALLWRIGHT_API_TOKEN", least=1)
    kept = stored.api_token if stored and stored.project_id == str(project.pk) else None
    # One that was revoked stays revoked; the instance gets another.
    if kept and ApiToken.objects.filter(project=project, digest=digest(kept), revoked_at=None).exists():
        return kept
    revoked = kept and ApiToken.objects.filter(project=project, digest=digest(kept)).exists()
    return issue_api_token(project, None if revoked else kept, name="made at the first start", least=1)


def _admin_password(env: Environment, stored: Credentials | None) -> str:
    users = get_user_model().objects
    user = users.filter(username=ADMIN).first()
    kept = stored.admin_password if stored and stored.admin_password != _CHANGED else None
    password = env.admin_password or kept or secrets.token_urlsafe(12)
    if user is None:
        users.create_superuser(username=ADMIN, email="", password=password)
        return password
    if user.check_password(password):
        return password
    if env.admin_password is None:
        return _CHANGED
    user.set_password(password)
    user.save(update_fields=["password"])
    return password
