"""The switchboard's Django app."""

from django.apps import AppConfig


class CallingConfig(AppConfig):
    name = "calling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from calling import answers, dialling
        from calling.scripts.read import parse_text
        from calling.sip import edge_routes
        from subscribers import script_checks

        answers.register()
        dialling.phone_policy.append(edge_routes.route)
        script_checks.register(parse_text)
