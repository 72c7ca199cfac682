"""A SIP desk phone: `sip_desk_phone.py alice desk-1` makes an account for a phone of a subscriber.

It prints what is typed into the phone. The password is made here and shown once. With a third argument the
phone rings for that extension too: `sip_desk_phone.py alice desk-1 201`.
"""

import os
import secrets
import sys
from urllib.parse import urlsplit

from callwright_client import ApiError, Callwright


def subscriber_of(client: Callwright, reference: str) -> str:
    """The subscriber's id; the subscriber is made where there is none."""
    return client.tokens.create_subscriber_token({"reference": reference})["subscriber_id"]


def account(client: Callwright, reference: str, username: str, extension: str | None) -> dict[str, str]:
    """The phone's settings. A phone that has this user name already gets a new password."""
    subscriber = subscriber_of(client, reference)
    if extension is not None:
        client.directory.change_subscriber(subscriber, {"extension": extension})
    password = secrets.token_urlsafe(18)
    known = client.directory.list_subscriber_sip_endpoints(subscriber)["data"]
    mine = next((each for each in known if each["username"] == username), None)
    if mine is None:
        client.directory.create_subscriber_sip_endpoint(
            subscriber, {"username": username, "password": password}
        )
    else:
        client.directory.change_subscriber_sip_endpoint(subscriber, mine["id"], {"password": password})
    host = urlsplit(os.environ.get("CALLWRIGHT_URL", "http://localhost:8000")).hostname or "localhost"
    server = f"{os.environ.get('SIP_HOST', host)}:{os.environ.get('SIP_PORT', '5060')}"
    return {"server": server, "transport": "UDP or TCP", "user": username, "password": password}


if __name__ == "__main__":
    given = [*sys.argv[1:], None][:3]
    with Callwright() as client:
        try:
            settings = account(client, str(given[0]), str(given[1]), given[2])
        except ApiError as error:
            sys.exit(f"refused: {error.code}: {error.message}")
    for name, value in settings.items():
        print(f"{name:<10} {value}", flush=True)
