"""The ASGI application: Django for HTTP, Channels for the WebSockets of all packages."""

from __future__ import annotations

import logging
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

from config.web.body_limits import BoundedHttp
from config.web.request_ids import RequestIds

logging.captureWarnings(True)  # as JSON lines too
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

# Only now: these modules read models.
from calling.dashboard import routing as dashboard  # noqa: E402
from calling.signalwire.browser import routing as signalwire  # noqa: E402
from calling.sockets import routing as sockets  # noqa: E402
from calling.sockets.not_found import NotFound  # noqa: E402
from config.web.sign_in_pace import SignInPace  # noqa: E402

SOCKETS = URLRouter(
    [
        *sockets.websocket_urlpatterns,
        *dashboard.websocket_urlpatterns,
        *signalwire.websocket_urlpatterns,
        re_path(r"", NotFound.as_asgi()),
    ]
)

HTTP = RequestIds(BoundedHttp(SignInPace(django_application)))
application = ProtocolTypeRouter({"http": HTTP, "websocket": SOCKETS})
