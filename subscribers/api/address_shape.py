"""An address on the wire, as SignalWire's clients read it."""

from __future__ import annotations

from typing import Any

from rest.json_bodies import rfc3339
from subscribers.models import Address

# Their words for what an address leads to.
TYPES = {"subscriber": "subscriber", "room": "room", "script": "app"}


def address_payload(address: Address) -> dict[str, Any]:
    """`channels` are dialable as they stand; `messaging` is there where somebody reads messages."""
    messaging = (
        {} if address.kind == Address.Kind.SCRIPT else {"messaging": f"{address.text}?channel=messaging"}
    )
    return {
        "id": str(address.pk),
        "resource_id": str(address.resource_id),
        "name": address.name,
        "display_name": address.display_name or address.name,
        "type": TYPES[address.kind],
        "cover_url": None,
        "preview_url": None,
        "locked": address.locked,
        "channels": {
            "audio": f"{address.text}?channel=audio",
            "video": f"{address.text}?channel=video",
            **messaging,
        },
        "created_at": rfc3339(address.created_at),
    }
