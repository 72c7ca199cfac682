"""The socket of the staff pages, for `config.asgi`."""

from __future__ import annotations

from calling.dashboard.live_updates import websocket_urlpatterns

__all__ = ["websocket_urlpatterns"]
