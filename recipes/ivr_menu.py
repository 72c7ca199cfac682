"""An IVR menu: callers of /public/NAME press 1 for sales, 2 for support, and are asked again otherwise.

The menu is a script resource, so the platform runs it alone: this program only writes it, and may end.
"""

import json
import os

from callwright_client import Callwright

NAME = os.environ.get("NAME", "menu")
SALES = os.environ.get("SALES", "/private/sales")
SUPPORT = os.environ.get("SUPPORT", "/private/support")


def connected_to(address: str) -> list[object]:
    """Rings somebody for 20 s; the caller hears why it ends there."""
    sorry = [{"play": "say:Nobody is free at the moment. Please call again later."}, "hangup"]
    return [
        {
            "connect": {
                "to": address,
                "timeout": 20,
                "result": {"default": sorry, "case": {"connected": ["hangup"]}},
            }
        }
    ]


def menu() -> dict[str, object]:
    choice = {
        "variable": "prompt_value",
        "case": {"1": [{"transfer": "sales"}], "2": [{"transfer": "support"}]},
        "default": [{"play": "say:Sorry, I did not understand."}, {"transfer": "main"}],
    }
    prompt = {
        "play": ["say:Welcome to Acme. Press one for sales, or two for support.", "silence:5"],
        "max_digits": 1,
        "initial_timeout": 8,
    }
    return {
        "version": "1.0.0",
        "sections": {
            "main": ["answer", {"prompt": prompt}, {"switch": choice}],
            "sales": connected_to(SALES),
            "support": connected_to(SUPPORT),
        },
    }


if __name__ == "__main__":
    with Callwright() as client:
        fields = {"name": NAME, "contents": json.dumps(menu())}
        every = client.every(client.directory.list_swml_script(page_size=200))
        known = next((each for each in every if each["swml_script"]["name"] == NAME), None)
        if known is None:
            client.directory.create_swml_script(fields)
        else:
            client.directory.change_swml_script(known["id"], fields)
    print(f"ready /public/{NAME}", flush=True)
