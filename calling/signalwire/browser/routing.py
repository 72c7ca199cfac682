"""The path of SignalWire's socket: `/` of whatever name the token's `ch` header leads to."""

from __future__ import annotations

from typing import Any

from django.urls import re_path

from calling.signalwire.browser.consumer import FabricConsumer

websocket_urlpatterns: list[Any] = [re_path(r"^$", FabricConsumer.as_asgi())]
