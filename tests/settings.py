"""The real settings, with private engines started first where none are given by the environment."""

from __future__ import annotations

import os

from tests import engines

engines.start()
# Processes that a test starts read the real settings and find the engines by the environment.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ.setdefault("CALLWRIGHT_MEDIA_IP", "127.0.0.1")  # no socket of a test leaves this machine

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
