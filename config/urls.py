"""The root of all paths. Each app owns the paths below its own `urls` module."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config import health, reference

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema", reference.Schema.as_view(), name="schema"),
    path("api/docs", reference.Reference.as_view(), name="docs"),
    path("", RedirectView.as_view(url="/dashboard/"), name="front"),
    path("admin/", admin.site.urls),
]
urlpatterns += [
    path("", include(module))
    for module in ("tokens.urls", "subscribers.urls", "calling.urls", "calling.dashboard.urls")
    if find_spec(module) is not None
]
if find_spec("subscribers.http.problems") is not None:
    handler400 = "subscribers.http.problems.handler400"
    handler403 = "subscribers.http.problems.handler403"
    handler404 = "subscribers.http.problems.handler404"
    handler500 = "subscribers.http.problems.handler500"
