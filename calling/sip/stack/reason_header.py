"""The Reason header (RFC 3326): why a request ends a call. Pure; what becomes of it lives elsewhere."""

from __future__ import annotations

from sipmessage import Request

from calling.sip.stack.headers import first_of, split_list


def reason(code: int, text: str) -> tuple[str, str]:
    """The header that says so with a SIP status."""
    return "Reason", f'SIP;cause={code};text="{text}"'


def taken_elsewhere(cancel: Request) -> bool:
    """Whether who cancels a call says that another party answered it (Q.850: non-selected user clearing)."""
    try:
        values = split_list(cancel.headers.getlist("Reason"))
    except ValueError:  # one that cannot be read says nothing
        return False
    said = ((protocol.upper(), words.get("cause")) for protocol, words in map(first_of, values))
    return any(each in (("SIP", "200"), ("Q.850", "26")) for each in said)
