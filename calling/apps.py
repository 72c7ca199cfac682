"""The switchboard's Django app."""

from django.apps import AppConfig


def gateways(dial):  # type: ignore[no-untyped-def]
    """The SIP gateways for a number; imported when first asked, most processes never do."""
    from calling.sip import edge_routes

    return edge_routes.route(dial)


class CallingConfig(AppConfig):
    name = "calling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from calling import answers, dialling
        from calling.scripts.read import parse_text
        from subscribers import script_checks

        answers.register()
        dialling.phone_routes.append(gateways)
        script_checks.register(parse_text)
