"""Makes `config` a Django app, so that its management commands are found and Celery is set up everywhere."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "instance"

    def ready(self) -> None:
        # `celery.current_app` is then ours in every process: the web sends tasks too.
        from config import celery, error_reporting

        celery.app.set_default()
        error_reporting.start()
