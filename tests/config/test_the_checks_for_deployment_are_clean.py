"""`manage.py check --deploy` finds nothing, and what it no longer asks about is done another way."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest
from django.test import Client

from config.env import ROOT


def test_check_deploy_finds_nothing() -> None:
    environment = {**os.environ, "CALLWRIGHT_SECRET_KEY": secrets.token_urlsafe(48)}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # set by the browser tests of the same process
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


@pytest.mark.django_db
@pytest.mark.parametrize("secure", [True, False])
def test_a_cookie_that_came_over_tls_goes_back_over_tls_only(secure: bool) -> None:
    answer = Client().get("/dashboard/login", secure=secure)
    assert answer.status_code == 200 and answer.cookies
    assert {bool(cookie["secure"]) for cookie in answer.cookies.values()} == {secure}
