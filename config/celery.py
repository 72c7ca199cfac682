"""The Celery application: queue `media` (one task per MediaSession) and queue `tasks` (the rest).

Settings are in `config.settings` under CELERY_; why early acknowledgement and no prefetch: a media task
lasts as long as its call, and a redelivered one would start the call twice.
"""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging

from config import privacy

privacy.keep_private()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Django's checks run once, in the tests; here they would cost every process of a start a second.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

# Celery warns of pickle as root; it takes nothing but JSON here.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("callwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["tokens", "subscribers", "calling"])


@setup_logging.connect
def _keep_django_logging(**_: object) -> None:
    """Having a receiver is what keeps Celery from replacing Django's logging."""
