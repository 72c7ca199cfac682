"""The WebSocket paths of our own protocols. `config.asgi` joins them with those of the packages above."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.sockets.events.consumer import EventsConsumer
from calling.sockets.phone.consumer import PhoneConsumer
from calling.sockets.sip_consumer import SipConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/phone", PhoneConsumer.as_asgi()),
    path("ws/events", EventsConsumer.as_asgi()),
    path("ws/sip", SipConsumer.as_asgi()),
]
