"""The switchboard's Django app: where a lower layer is given what a higher one knows."""

from collections.abc import Iterable, Mapping

from django.apps import AppConfig


def gateway_host(host: str, networks: list[str]) -> bool:
    """Whether a gateway may be at a host, as far as its text says; imported when first asked."""
    from calling.sip.edge import destinations

    return destinations.may_be_at(host, networks)


def places(uris: Iterable[str], seconds: float) -> Mapping[str, frozenset[str]]:
    """The addresses that SIP URIs lead to (`telephony.gateways.Locator`); imported when first asked."""
    from calling.sip.edge import destinations

    return destinations.places(uris, seconds)


class CallingConfig(AppConfig):
    name = "calling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from calling import presence
        from calling.commands import errors
        from calling.swml.read import parse_text
        from calling.telephony import gateways
        from subscribers import presence_words, script_checks
        from subscribers.api import gateways as gateway_api

        errors.register()
        gateway_api.host_checks.append(gateway_host)
        gateways.look_up_with(places)
        script_checks.register(parse_text)
        presence_words.register(presence.words)
