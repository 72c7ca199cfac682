"""The paths of the staff pages and of the browser phone."""

from __future__ import annotations

from django.urls import include, path

from calling.dashboard.pages import phone

pages: list = []

urlpatterns = [
    path("phone", phone.phone, name="phone"),
    path("dashboard/", include((pages, "dashboard"))),
]
