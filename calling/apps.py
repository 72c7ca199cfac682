"""The switchboard's Django app."""

from django.apps import AppConfig


class CallingConfig(AppConfig):
    name = "calling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from calling import answers

        answers.register()
