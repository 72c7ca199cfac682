"""The real settings, with the lives of tokens and silent sockets divided by `SCALE`; no variable sets them.

For instances that a test starts: `Instance(DJANGO_SETTINGS_MODULE="tests.dashboard.lives_in_small")`.
"""

from __future__ import annotations

from django.apps import AppConfig

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

SCALE = 120


class LivesInSmall(AppConfig):
    """Divides as soon as the code is loaded, in each process of the instance."""

    name = "tests.dashboard"
    label = "lives_in_small"

    def ready(self) -> None:
        from calling.sockets.phone import session
        from tokens import issue

        issue.DEFAULT_LIFE /= SCALE
        issue.REFRESH_LEAD /= SCALE
        session.WARNING_SECONDS /= SCALE  # else a token of a minute is renewed again as soon as it is there
        session.PhoneSession.idle_seconds /= SCALE


INSTALLED_APPS = [*INSTALLED_APPS, "tests.dashboard.lives_in_small.LivesInSmall"]
