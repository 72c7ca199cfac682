"""The one path of SignalWire's calling API."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.signalwire.calling_api.view import CallingView

urlpatterns: list[URLPattern] = [path("api/calling/calls", CallingView.as_view(), name="calling")]
