"""Makes `config` a Django app, so that its management commands are found."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "instance"
