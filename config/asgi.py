"""The ASGI application: Django for HTTP, Channels for the WebSockets of `calling.signalling`."""

from __future__ import annotations

import os
from importlib.util import find_spec

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

from config.bounds import BoundedHttp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

if find_spec("calling.signalling.routing") is not None:
    from calling.signalling.routing import websocket_urlpatterns
else:
    websocket_urlpatterns = []

application = ProtocolTypeRouter(
    {"http": BoundedHttp(django_application), "websocket": URLRouter(websocket_urlpatterns)}
)
