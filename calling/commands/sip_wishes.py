"""What one call asks of a SIP URI that it dials: codecs, encryption, credentials, the session's timer.

Written into the leg's route as it is made, read by the SIP edge as it sends the INVITE. The password is
sealed on the way. What must not live here: the settings of endpoints and gateways, which bound these wishes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from calling.machine.states import Leg, Party
from subscribers import encryption

ENCRYPTION: Final = {"mandatory": "required", "optional": "optional", "forbidden": "disabled", "": ""}
"""SignalWire's words, and ours."""


@dataclass(frozen=True)
class SipWishes:
    """codecs: upper case names, best first, () for any. encryption: one of ours or "". session_seconds: the
    Session-Expires, 0 for the usual one. username, password: for a challenge of the URI's host."""

    codecs: tuple[str, ...] = ()
    encryption: str = ""
    session_seconds: int = 0
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, stored: object) -> SipWishes:
        """From a leg's route."""
        if not isinstance(stored, Mapping):
            return cls()
        sealed = str(stored.get("sealed_password") or "")
        return cls(
            tuple(str(name) for name in stored.get("codecs") or ()),
            str(stored.get("encryption") or ""),
            int(stored.get("session_seconds") or 0),
            str(stored.get("username") or ""),
            encryption.unseal(sealed) if sealed else "",
        )

    def stored(self) -> dict[str, Any]:
        """For a leg's route: what is asked for alone."""
        whole = {
            "codecs": list(self.codecs),
            "encryption": self.encryption,
            "session_seconds": self.session_seconds,
            "username": self.username,
            "sealed_password": encryption.seal(self.password) if self.password else "",
        }
        return {name: value for name, value in whole.items() if value}

    def on(self, leg: Leg) -> Leg:
        """The leg with these wishes, where it dials a SIP URI; a number's gateway has settings of its own."""
        stored = self.stored()
        if leg.party is not Party.SIP or not leg.address.startswith("sip") or not stored:
            return leg
        return replace(leg, route=json.dumps({**json.loads(leg.route), "wishes": stored}))


def codec_names(text: str) -> tuple[str, ...]:
    """The names in a list such as `OPUS@48000H@20I,PCMU`: upper case, without clock and packet time."""
    return tuple(each.strip().partition("@")[0].upper() for each in text.split(",") if each.strip())
