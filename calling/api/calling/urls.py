"""The one path of SignalWire's calling API."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.api.calling.view import CallingView

urlpatterns: list[URLPattern] = [path("api/calling/calls", CallingView.as_view(), name="calling")]
