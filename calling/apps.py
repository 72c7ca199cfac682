"""The switchboard's Django app."""

from django.apps import AppConfig


class CallingConfig(AppConfig):
    name = "calling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from calling import answers
        from calling.scripts.read import parse_text
        from subscribers import script_checks

        answers.register()
        script_checks.register(parse_text)
