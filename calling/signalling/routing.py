"""The WebSocket paths. A device edge that speaks SignalWire's protocol adds its own at `/`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.urls import path, re_path

from calling.signalling.events.consumer import EventsConsumer
from calling.signalling.phone.consumer import PhoneConsumer
from calling.signalling.unknown import UnknownPath

websocket_urlpatterns: list[Any] = [
    path("ws/phone", PhoneConsumer.as_asgi()),
    path("ws/events", EventsConsumer.as_asgi()),
]
for name in ("calling.dashboard.routing", "calling.signalling.fabric.routing"):
    if find_spec(name.rpartition(".")[0]) is not None and find_spec(name) is not None:
        websocket_urlpatterns += import_module(name).websocket_urlpatterns
websocket_urlpatterns.append(re_path(r"", UnknownPath.as_asgi()))
