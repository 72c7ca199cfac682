"""The dashboard as a Django app of its own: only so that its templates and static files are found."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "calling.dashboard"
    label = "dashboard"
