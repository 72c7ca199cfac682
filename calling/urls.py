"""All HTTP paths of the switchboard; each part of it owns its own list."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(module))
    for module in (
        "calling.api.urls",
        "calling.api.calling.urls",
        "calling.webhooks.urls",
    )
    if find_spec(module.rpartition(".")[0]) is not None and find_spec(module) is not None
]
