"""All HTTP paths of the switchboard; each part of it owns its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(module))
    for module in (
        "calling.api.urls",
        "calling.signalwire.calling_api.urls",
        "calling.signalwire.rest_api.urls",
        "calling.webhooks.urls",
    )
]
