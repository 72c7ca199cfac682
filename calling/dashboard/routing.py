"""The socket of the staff pages, for `calling.signalling.routing`."""

from __future__ import annotations

from calling.dashboard.following import websocket_urlpatterns

__all__ = ["websocket_urlpatterns"]
