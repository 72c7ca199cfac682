"""Transfer to a phone: `transfer_to_phone.py CALL_ID +15551234567` sends a live call's caller on to a number.

It prints how it ends, and exits with 0 where the phone was answered. Where it was not, the call is as before.
A number needs a SIP gateway of the project; +46000000000 is a spoken announcement that needs none.
"""

import sys

from callwright_client import ApiError, Callwright

ENDS = {
    "call.transferred": "connected",
    "call.transfer_failed": "not answered; the call goes on as before",
    "call.ended": "the call ended",
}


def transfer(client: Callwright, call_id: str, number: str) -> str:
    """The type of the event that ended the transfer. Raises ApiError where it is refused."""
    events = client.stream(after=client.cursor(), types=list(ENDS))
    # The callee hands its caller on: the transferor is the leg that leaves.
    client.calls.transfer(call_id, {"leg": "callee", "to": number})
    for entry in events:
        event = entry["event"]
        if event["data"]["call"]["id"] == call_id:
            return event["type"]
    raise AssertionError("the stream has no end")


if __name__ == "__main__":
    with Callwright() as client:
        try:
            ended = transfer(client, sys.argv[1], sys.argv[2])
        except ApiError as error:  # such as 403 country_not_allowed, 409 not_allowed, 422 invalid_destination
            sys.exit(f"refused: {error.code}: {error.message}")
    print(ENDS[ended], flush=True)
    sys.exit(0 if ended == "call.transferred" else 1)
