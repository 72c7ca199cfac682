"""A dialog (RFC 3261 12): what either side must remember to speak inside a call.

Pure, and whole as a JSON dict, so that any process can send the BYE of a call whose process died.
What must not live here: SDP, timers, transactions, storage.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from typing import Any

from sipmessage import URI, Request, Response

from calling.sip.stack.headers import (
    name_addr,
    parse_address,
    parse_uri,
    split_list,
    split_uri_headers,
    tag_of,
    uri_text,
)
from calling.sip.stack.messages import Extra, make_request
from calling.sip.stack.transaction import Hop

CRASH_GAP = 1000
"""CSeq distance a process leaves that speaks for a dead one, whose last numbers may not be stored."""


class ExactURI(URI):
    """A URI that is written exactly as it was received, not as sipmessage would quote it."""

    def __str__(self) -> str:
        text: str | None = self.__dict__.get("_text")
        return super().__str__() if text is None else text


def exact_uri(text: str) -> URI:
    """Parse `text` and keep it for writing; ValueError for anything but sip, sips and tel.

    A Request-URI has neither headers nor a method (RFC 3261 19.1.1), which a Contact may have.
    """
    parsed = parse_uri(text)
    plain, _ = split_uri_headers(text.strip())
    if "method" in parsed.parameters:
        plain = ";".join(part for part in plain.split(";") if not part.lower().startswith("method="))
    uri = ExactURI(
        scheme=parsed.scheme,
        host=parsed.host,
        user=parsed.user,
        password=parsed.password,
        port=parsed.port,
        parameters=parsed.parameters,
    )
    uri.__dict__["_text"] = plain
    return uri


@dataclass
class Dialog:
    """One dialog; addresses and routes are raw header text, `remote_target` a raw URI.

    `flow` is set where requests must go back over the peer's own address (NAT, RFC 3581) instead of
    the address its Contact names: (transport, host, port, certificate name). `reach`: addresses and networks
    that its requests may go to though not everybody's may: where the peer itself is, on a private network.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local_address: str
    remote_address: str
    remote_target: str
    contact: str
    local_sequence: int
    remote_sequence: int | None = None
    route_set: list[str] = field(default_factory=list)
    state: str = "early"
    caller: bool = False
    flow: tuple[str, str, int, str] | None = None
    account: str = ""
    reach: list[str] = field(default_factory=list)

    @classmethod
    def of_callee(cls, invite: Request, local_tag: str, contact: str) -> Dialog:
        """The dialog a UAS makes of an INVITE (12.1.1). Raises ValueError without a usable Contact."""
        contacts = split_list(invite.headers.getlist("Contact"))
        if len(contacts) != 1:
            raise ValueError("INVITE needs one Contact")
        target = contact_uri(contacts[0])
        return cls(
            call_id=invite.call_id,
            local_tag=local_tag,
            remote_tag=tag_of(invite.headers["From"]) or "",
            local_address=_without_tag(invite.headers["To"]),
            remote_address=_without_tag(invite.headers["From"]),
            remote_target=target,
            contact=contact,
            local_sequence=0,
            remote_sequence=invite.cseq.sequence,
            route_set=list(invite.headers.getlist("Record-Route")),
        )

    @classmethod
    def of_caller(cls, invite: Request, response: Response, contact: str) -> Dialog:
        """The dialog a UAC makes of a 1xx with a tag or a 2xx (12.1.2)."""
        contacts = split_list(response.headers.getlist("Contact"))
        target = str(invite.uri)
        if contacts:
            # One that nothing can be sent to is as good as none: the call that was answered goes on.
            with contextlib.suppress(ValueError):
                target = contact_uri(contacts[0])
        return cls(
            call_id=invite.call_id,
            local_tag=tag_of(invite.headers["From"]) or "",
            remote_tag=tag_of(response.headers["To"]) or "",
            local_address=_without_tag(invite.headers["From"]),
            remote_address=_without_tag(invite.headers["To"]),
            remote_target=target,
            contact=contact,
            local_sequence=invite.cseq.sequence,
            caller=True,
            route_set=list(reversed(response.headers.getlist("Record-Route"))),
        )

    @property
    def key(self) -> tuple[str, str, str]:
        return self.call_id, self.local_tag, self.remote_tag

    def confirm(self, response: Response) -> None:
        """The 2xx of a UAC's early dialog: the route set is taken again (12.1.2, 13.2.2.4)."""
        self.route_set = list(reversed(response.headers.getlist("Record-Route")))
        self.refresh_target(response)
        self.state = "confirmed"

    def refresh_target(self, message: Request | Response) -> None:
        """Take a new remote target from a target refresh or its answer (12.2); a bad one is ignored."""
        contacts = split_list(message.headers.getlist("Contact"))
        if len(contacts) == 1:
            with contextlib.suppress(ValueError):
                self.remote_target = contact_uri(contacts[0])

    def takes(self, request: Request) -> bool:
        """Whether a request of the peer is in order (12.2.2); notes its CSeq if it is."""
        sequence = request.cseq.sequence
        if self.remote_sequence is not None and sequence <= self.remote_sequence:
            return False
        self.remote_sequence = sequence
        return True

    def request(
        self,
        method: str,
        *,
        extra: Extra = (),
        body: str | bytes = b"",
        content_type: str = "application/sdp",
        sequence: int | None = None,
    ) -> Request:
        """A request inside the dialog (12.2.1.1); `sequence` is given for ACK only, else counted."""
        if sequence is None:
            self.local_sequence += 1
            sequence = self.local_sequence
        uri, routes = exact_uri(self.remote_target), list(self.route_set)
        if (
            routes
            and "lr" not in parse_address(routes[0]).parameters
            and "lr" not in parse_uri(uri_text(routes[0])).parameters
        ):
            # A strict router: it wants itself in the Request-URI and the target as the last Route.
            routes.append(f"<{self.remote_target}>")
            uri = exact_uri(uri_text(routes.pop(0)))
        remote = f"{self.remote_address};tag={self.remote_tag}" if self.remote_tag else self.remote_address
        return make_request(
            method,
            uri,
            from_=f"{self.local_address};tag={self.local_tag}",
            to=remote,
            call_id=self.call_id,
            sequence=sequence,
            routes=routes,
            contact=None if method in ("BYE", "ACK", "PRACK", "INFO") else self.contact,
            extra=extra,
            body=body,
            content_type=content_type,
        )

    @property
    def hop(self) -> Hop | None:
        """The fixed place requests go to, or None: resolve the first route or the remote target."""
        return Hop(*self.flow) if self.flow and not self.route_set else None

    @property
    def first_uri(self) -> str:
        """The URI whose place the next request goes to, where no flow is fixed."""
        return uri_text(self.route_set[0]) if self.route_set else self.remote_target

    def to_json(self) -> dict[str, Any]:
        words = asdict(self)
        if not self.reach:  # what an older version does not know, it need not read in most dialogs
            del words["reach"]
        return words

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Dialog:
        """The dialog again, as stored by `to_json`."""
        values = dict(stored)
        flow = values.get("flow")
        values["flow"] = (str(flow[0]), str(flow[1]), int(flow[2]), str(flow[3])) if flow else None
        return cls(**values)


def contact_uri(contact: str) -> str:
    """The URI of a Contact, as written; ValueError for one that no request can be sent to (RFC 3261 8.1.1.8).

    A tel: URI names nobody's place, and other schemes are not spoken here.
    """
    text = uri_text(contact)
    if parse_uri(text).scheme not in ("sip", "sips"):
        raise ValueError("Contact is no SIP URI")
    return text


def _without_tag(address: str) -> str:
    """A From or To value without its tag parameter, the rest unchanged."""
    name, uri, parameters = name_addr(address)
    kept = [part for part in parameters if part.partition("=")[0].strip().lower() != "tag"]
    return ";".join([f"{name} <{uri}>" if name else f"<{uri}>", *kept])
