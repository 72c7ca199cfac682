"""The root of all paths. Each app owns the paths below its own `urls` module."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config import api_docs, asyncapi, front, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema", api_docs.Schema.as_view(), name="schema"),
    path("api/asyncapi", asyncapi.document, name="asyncapi"),
    path("api/", front.api, name="api"),
    path("api/docs", api_docs.Reference.as_view(), name="docs"),
    path("favicon.ico", front.favicon, name="favicon"),
    path("robots.txt", front.robots, name="robots"),
    path("", RedirectView.as_view(url="/dashboard/"), name="front"),
    path("admin/", admin.site.urls),
]
urlpatterns += [
    path("", include(module))
    for module in ("tokens.urls", "subscribers.urls", "calling.urls", "calling.dashboard.urls")
]
handler400 = "rest.errors.handler400"
handler403 = "rest.errors.handler403"
handler404 = "rest.errors.handler404"
handler500 = "rest.errors.handler500"
