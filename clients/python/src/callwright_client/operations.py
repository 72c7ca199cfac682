"""Every operation by its resource, blocking.

Made by `python -m clients.generate`: do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from callwright_client import types as shapes
from callwright_client.request import Sender, path_of


class Alerts:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(self, body: shapes.NewAlert, *, idempotency_key: str | None = None) -> shapes.Alert:
        """Create an alert.

        `POST /api/alerts`
        """
        return cast(
            "shapes.Alert",
            self._sender.send(
                "POST", "/api/alerts", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def delete(self, alert_id: str) -> None:
        """Delete an alert.

        `DELETE /api/alerts/{alert_id}`
        """
        self._sender.send("DELETE", path_of("/api/alerts/{alert_id}", alert_id))

    def list(self, *, page_size: int | None = None, page_token: str | None = None) -> shapes.Alerts:
        """List alerts.

        `GET /api/alerts`
        """
        return cast(
            "shapes.Alerts",
            self._sender.send("GET", "/api/alerts", query={"page_size": page_size, "page_token": page_token}),
        )


class Calls:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def answer(
        self, call_id: str, body: shapes.Answer | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Answer a ringing leg with an SDP or a script.

        `POST /api/calls/{call_id}/answer`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/answer", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def collect(
        self, call_id: str, body: shapes.Collect | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Collect digits or words from a leg.

        `POST /api/calls/{call_id}/collect`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/collect", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def consult(
        self, call_id: str, body: shapes.Consult, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Consult a third party before a transfer (attended transfer).

        `POST /api/calls/{call_id}/consult`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/consult", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def delete(self, call_id: str) -> None:
        """Delete an ended call with its events, statistics and recordings.

        `DELETE /api/calls/{call_id}`
        """
        self._sender.send("DELETE", path_of("/api/calls/{call_id}", call_id))

    def denoise(
        self, call_id: str, body: shapes.Denoise | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Remove background noise from the sound of a leg.

        `POST /api/calls/{call_id}/denoise`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/denoise", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def detect(
        self, call_id: str, body: shapes.Detect | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Detect whether a person, a machine or a fax answered.

        `POST /api/calls/{call_id}/detect`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/detect", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def dial(self, body: shapes.Dial, *, idempotency_key: str | None = None) -> shapes.Call:
        """Dial.

        `POST /api/calls`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST", "/api/calls", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def dtmf(self, call_id: str, body: shapes.Digits, *, idempotency_key: str | None = None) -> shapes.Call:
        """Send digits to the other party.

        `POST /api/calls/{call_id}/dtmf`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/dtmf", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def events(
        self, call_id: str, *, after: int | None = None, page_size: int | None = None
    ) -> shapes.Events:
        """List the events of a call.

        `GET /api/calls/{call_id}/events`
        """
        return cast(
            "shapes.Events",
            self._sender.send(
                "GET",
                path_of("/api/calls/{call_id}/events", call_id),
                query={"after": after, "page_size": page_size},
            ),
        )

    def get(self, call_id: str) -> shapes.Call:
        """One call.

        `GET /api/calls/{call_id}`
        """
        return cast("shapes.Call", self._sender.send("GET", path_of("/api/calls/{call_id}", call_id)))

    def hangup(
        self, call_id: str, body: shapes.OfLeg | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Hang up a leg, or the call.

        `POST /api/calls/{call_id}/hangup`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/hangup", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def hold(
        self, call_id: str, body: shapes.OfLeg | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Hold a call; the other party hears music.

        `POST /api/calls/{call_id}/hold`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/hold", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def leg(self, call_id: str, leg_id: str) -> shapes.Leg:
        """Read a leg; a supervisor's leg includes its SDP answer.

        `GET /api/calls/{call_id}/legs/{leg_id}`
        """
        return cast(
            "shapes.Leg",
            self._sender.send("GET", path_of("/api/calls/{call_id}/legs/{leg_id}", call_id, leg_id)),
        )

    def leg_change(
        self, call_id: str, leg_id: str, body: shapes.PatchedSupervise | None = None
    ) -> shapes.Leg:
        """Change what a supervisor does: listen, whisper or barge.

        `PATCH /api/calls/{call_id}/legs/{leg_id}`
        """
        return cast(
            "shapes.Leg",
            self._sender.send(
                "PATCH",
                path_of("/api/calls/{call_id}/legs/{leg_id}", call_id, leg_id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def list(
        self,
        *,
        created_after: str | None = None,
        created_before: str | None = None,
        end_reason: str | None = None,
        from_: str | None = None,
        kind: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        state: str | None = None,
        to: str | None = None,
    ) -> shapes.Calls:
        """Calls, newest first.

        `GET /api/calls`
        """
        return cast(
            "shapes.Calls",
            self._sender.send(
                "GET",
                "/api/calls",
                query={
                    "created_after": created_after,
                    "created_before": created_before,
                    "end_reason": end_reason,
                    "from": from_,
                    "kind": kind,
                    "page_size": page_size,
                    "page_token": page_token,
                    "state": state,
                    "to": to,
                },
            ),
        )

    def listen(
        self, call_id: str, body: shapes.Listen | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Leg:
        """Let a supervisor listen to a call, whisper to one party, or barge in.

        `POST /api/calls/{call_id}/listen`
        """
        return cast(
            "shapes.Leg",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/listen", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def mute(
        self, call_id: str, body: shapes.Channels | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Mute a leg.

        `POST /api/calls/{call_id}/mute`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/mute", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def operation_control(
        self,
        call_id: str,
        verb: str,
        control_id: str,
        wish: str,
        body: shapes.Wish | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> shapes.Operation:
        """Stop, pause or resume an operation, or change its volume.

        `POST /api/calls/{call_id}/{verb}/{control_id}/{wish}`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/{verb}/{control_id}/{wish}", call_id, verb, control_id, wish),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def play(
        self, call_id: str, body: shapes.Play | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Play files, speech, silence or a ringing tone to a leg.

        `POST /api/calls/{call_id}/play`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/play", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def record(
        self, call_id: str, body: shapes.Record | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Record a leg, or the whole call.

        `POST /api/calls/{call_id}/record`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/record", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def reject(
        self, call_id: str, body: shapes.Reject | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Reject a ringing leg.

        `POST /api/calls/{call_id}/reject`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/reject", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def relay(
        self, call_id: str, body: shapes.Relay, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Let a program talk with a leg by text (conversation relay).

        `POST /api/calls/{call_id}/relay`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/relay", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def resume(
        self, call_id: str, body: shapes.OfLeg | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Resume a held call.

        `POST /api/calls/{call_id}/resume`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/resume", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def say(self, call_id: str, body: shapes.Say, *, idempotency_key: str | None = None) -> shapes.Operation:
        """Speak a text to a leg.

        `POST /api/calls/{call_id}/say`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/say", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def stats(self, call_id: str) -> shapes.Stats:
        """Quality of a call per leg, over time.

        `GET /api/calls/{call_id}/stats`
        """
        return cast("shapes.Stats", self._sender.send("GET", path_of("/api/calls/{call_id}/stats", call_id)))

    def stream(
        self, call_id: str, body: shapes.Stream, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Stream the audio of a leg to a WebSocket.

        `POST /api/calls/{call_id}/stream`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/stream", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def transcribe(
        self, call_id: str, body: shapes.Transcribe | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Operation:
        """Transcribe a leg, or the whole call.

        `POST /api/calls/{call_id}/transcribe`
        """
        return cast(
            "shapes.Operation",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/transcribe", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def transfer(
        self, call_id: str, body: shapes.Transfer, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Transfer the other party to a destination (blind transfer).

        `POST /api/calls/{call_id}/transfer`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/transfer", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def transfer_cancel(
        self, call_id: str, body: shapes.OfLeg | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Cancel an attended transfer.

        `POST /api/calls/{call_id}/transfer/cancel`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/transfer/cancel", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def transfer_complete(
        self, call_id: str, body: shapes.OfLeg | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Complete an attended transfer.

        `POST /api/calls/{call_id}/transfer/complete`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/transfer/complete", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def unmute(
        self, call_id: str, body: shapes.Channels | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Call:
        """Unmute a leg.

        `POST /api/calls/{call_id}/unmute`
        """
        return cast(
            "shapes.Call",
            self._sender.send(
                "POST",
                path_of("/api/calls/{call_id}/unmute", call_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )


class Directory:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def assign_phone_route(
        self, id: str, body: shapes.RouteFields, *, idempotency_key: str | None = None
    ) -> shapes.Address:
        """Route a phone number to a resource.

        `POST /api/fabric/resources/{id}/phone_routes`
        """
        return cast(
            "shapes.Address",
            self._sender.send(
                "POST",
                path_of("/api/fabric/resources/{id}/phone_routes", id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def change_conference_room(
        self, id: str, body: shapes.PatchedRoomFields | None = None
    ) -> shapes.ConferenceRoom:
        """Change a conference room.

        `PATCH /api/fabric/resources/conference_rooms/{id}`
        """
        return cast(
            "shapes.ConferenceRoom",
            self._sender.send(
                "PATCH",
                path_of("/api/fabric/resources/conference_rooms/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def change_phone_number(
        self, id: str, body: shapes.PatchedNumberFields | None = None
    ) -> shapes.PhoneNumber:
        """Change a phone number.

        `PATCH /api/phone_numbers/{id}`
        """
        return cast(
            "shapes.PhoneNumber",
            self._sender.send(
                "PATCH", path_of("/api/phone_numbers/{id}", id), body=cast(Mapping[str, Any] | None, body)
            ),
        )

    def change_sip_endpoint(
        self, id: str, body: shapes.PatchedEndpointFields | None = None
    ) -> shapes.SipEndpoint:
        """Change a SIP endpoint.

        `PATCH /api/fabric/resources/sip_endpoints/{id}`
        """
        return cast(
            "shapes.SipEndpoint",
            self._sender.send(
                "PATCH",
                path_of("/api/fabric/resources/sip_endpoints/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def change_sip_gateway(
        self, id: str, body: shapes.PatchedGatewayFields | None = None
    ) -> shapes.SipGateway:
        """Change a SIP gateway.

        `PATCH /api/fabric/resources/sip_gateways/{id}`
        """
        return cast(
            "shapes.SipGateway",
            self._sender.send(
                "PATCH",
                path_of("/api/fabric/resources/sip_gateways/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def change_subscriber(
        self, id: str, body: shapes.PatchedSubscriberFields | None = None
    ) -> shapes.Subscriber:
        """Change a subscriber.

        `PATCH /api/fabric/resources/subscribers/{id}`
        """
        return cast(
            "shapes.Subscriber",
            self._sender.send(
                "PATCH",
                path_of("/api/fabric/resources/subscribers/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def change_subscriber_sip_endpoint(
        self, id: str, endpoint_id: str, body: shapes.PatchedEndpointFields | None = None
    ) -> shapes.SubscriberSipEndpoint:
        """Change a subscriber's SIP endpoint.

        `PATCH /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`
        """
        return cast(
            "shapes.SubscriberSipEndpoint",
            self._sender.send(
                "PATCH",
                path_of(
                    "/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}", id, endpoint_id
                ),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def change_swml_script(
        self, id: str, body: shapes.PatchedScriptFields | None = None
    ) -> shapes.SwmlScript:
        """Change a SWML script.

        `PATCH /api/fabric/resources/swml_scripts/{id}`
        """
        return cast(
            "shapes.SwmlScript",
            self._sender.send(
                "PATCH",
                path_of("/api/fabric/resources/swml_scripts/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def create_conference_room(
        self, body: shapes.RoomFields, *, idempotency_key: str | None = None
    ) -> shapes.ConferenceRoom:
        """Create a conference room.

        `POST /api/fabric/resources/conference_rooms`
        """
        return cast(
            "shapes.ConferenceRoom",
            self._sender.send(
                "POST",
                "/api/fabric/resources/conference_rooms",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_phone_number(
        self, body: shapes.NumberFields, *, idempotency_key: str | None = None
    ) -> shapes.PhoneNumber:
        """Create a phone number.

        `POST /api/phone_numbers`
        """
        return cast(
            "shapes.PhoneNumber",
            self._sender.send(
                "POST", "/api/phone_numbers", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def create_sip_endpoint(
        self, body: shapes.EndpointFields, *, idempotency_key: str | None = None
    ) -> shapes.SipEndpoint:
        """Create a SIP endpoint.

        `POST /api/fabric/resources/sip_endpoints`
        """
        return cast(
            "shapes.SipEndpoint",
            self._sender.send(
                "POST",
                "/api/fabric/resources/sip_endpoints",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_sip_gateway(
        self, body: shapes.GatewayFields, *, idempotency_key: str | None = None
    ) -> shapes.SipGateway:
        """Create a SIP gateway.

        `POST /api/fabric/resources/sip_gateways`
        """
        return cast(
            "shapes.SipGateway",
            self._sender.send(
                "POST",
                "/api/fabric/resources/sip_gateways",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_subscriber(
        self, body: shapes.SubscriberFields | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Subscriber:
        """Create a subscriber.

        `POST /api/fabric/resources/subscribers`
        """
        return cast(
            "shapes.Subscriber",
            self._sender.send(
                "POST",
                "/api/fabric/resources/subscribers",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_subscriber_sip_endpoint(
        self, id: str, body: shapes.EndpointFields, *, idempotency_key: str | None = None
    ) -> shapes.SubscriberSipEndpoint:
        """Create a subscriber's SIP endpoint.

        `POST /api/fabric/resources/subscribers/{id}/sip_endpoints`
        """
        return cast(
            "shapes.SubscriberSipEndpoint",
            self._sender.send(
                "POST",
                path_of("/api/fabric/resources/subscribers/{id}/sip_endpoints", id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_swml_script(
        self, body: shapes.ScriptFields, *, idempotency_key: str | None = None
    ) -> shapes.SwmlScript:
        """Create a SWML script.

        `POST /api/fabric/resources/swml_scripts`
        """
        return cast(
            "shapes.SwmlScript",
            self._sender.send(
                "POST",
                "/api/fabric/resources/swml_scripts",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def delete_conference_room(self, id: str) -> None:
        """Delete a conference room.

        `DELETE /api/fabric/resources/conference_rooms/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/conference_rooms/{id}", id))

    def delete_phone_number(self, id: str) -> None:
        """Delete a phone number.

        `DELETE /api/phone_numbers/{id}`
        """
        self._sender.send("DELETE", path_of("/api/phone_numbers/{id}", id))

    def delete_resource(self, id: str) -> None:
        """Delete a resource.

        `DELETE /api/fabric/resources/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/{id}", id))

    def delete_sip_endpoint(self, id: str) -> None:
        """Delete a SIP endpoint.

        `DELETE /api/fabric/resources/sip_endpoints/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/sip_endpoints/{id}", id))

    def delete_sip_gateway(self, id: str) -> None:
        """Delete a SIP gateway.

        `DELETE /api/fabric/resources/sip_gateways/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/sip_gateways/{id}", id))

    def delete_subscriber(self, id: str) -> None:
        """Delete a subscriber.

        `DELETE /api/fabric/resources/subscribers/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/subscribers/{id}", id))

    def delete_subscriber_sip_endpoint(self, id: str, endpoint_id: str) -> None:
        """Delete a subscriber's SIP endpoint.

        `DELETE /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`
        """
        self._sender.send(
            "DELETE",
            path_of("/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}", id, endpoint_id),
        )

    def delete_swml_script(self, id: str) -> None:
        """Delete a SWML script.

        `DELETE /api/fabric/resources/swml_scripts/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/resources/swml_scripts/{id}", id))

    def erase_subscriber(self, id: str, *, idempotency_key: str | None = None) -> shapes.Erasure:
        """Erase a subscriber and all its calls, with events and recordings.

        `POST /api/fabric/resources/subscribers/{id}/erase`
        """
        return cast(
            "shapes.Erasure",
            self._sender.send(
                "POST", path_of("/api/fabric/resources/subscribers/{id}/erase", id), key=idempotency_key
            ),
        )

    def get_address(self, id: str) -> shapes.Address:
        """Read an address.

        `GET /api/fabric/addresses/{id}`
        """
        return cast("shapes.Address", self._sender.send("GET", path_of("/api/fabric/addresses/{id}", id)))

    def get_conference_room(self, id: str) -> shapes.ConferenceRoom:
        """Read a conference room.

        `GET /api/fabric/resources/conference_rooms/{id}`
        """
        return cast(
            "shapes.ConferenceRoom",
            self._sender.send("GET", path_of("/api/fabric/resources/conference_rooms/{id}", id)),
        )

    def get_phone_number(self, id: str) -> shapes.PhoneNumber:
        """Read a phone number.

        `GET /api/phone_numbers/{id}`
        """
        return cast("shapes.PhoneNumber", self._sender.send("GET", path_of("/api/phone_numbers/{id}", id)))

    def get_resource(self, id: str) -> shapes.Resource:
        """Read a resource.

        `GET /api/fabric/resources/{id}`
        """
        return cast("shapes.Resource", self._sender.send("GET", path_of("/api/fabric/resources/{id}", id)))

    def get_sip_endpoint(self, id: str) -> shapes.SipEndpoint:
        """Read a SIP endpoint.

        `GET /api/fabric/resources/sip_endpoints/{id}`
        """
        return cast(
            "shapes.SipEndpoint",
            self._sender.send("GET", path_of("/api/fabric/resources/sip_endpoints/{id}", id)),
        )

    def get_sip_gateway(self, id: str) -> shapes.SipGateway:
        """Read a SIP gateway.

        `GET /api/fabric/resources/sip_gateways/{id}`
        """
        return cast(
            "shapes.SipGateway",
            self._sender.send("GET", path_of("/api/fabric/resources/sip_gateways/{id}", id)),
        )

    def get_subscriber(self, id: str) -> shapes.Subscriber:
        """Read a subscriber.

        `GET /api/fabric/resources/subscribers/{id}`
        """
        return cast(
            "shapes.Subscriber",
            self._sender.send("GET", path_of("/api/fabric/resources/subscribers/{id}", id)),
        )

    def get_subscriber_sip_endpoint(self, id: str, endpoint_id: str) -> shapes.SubscriberSipEndpoint:
        """Read a subscriber's SIP endpoint.

        `GET /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`
        """
        return cast(
            "shapes.SubscriberSipEndpoint",
            self._sender.send(
                "GET",
                path_of(
                    "/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}", id, endpoint_id
                ),
            ),
        )

    def get_swml_script(self, id: str) -> shapes.SwmlScript:
        """Read a SWML script.

        `GET /api/fabric/resources/swml_scripts/{id}`
        """
        return cast(
            "shapes.SwmlScript",
            self._sender.send("GET", path_of("/api/fabric/resources/swml_scripts/{id}", id)),
        )

    def list_addresses(self) -> shapes.Addresses:
        """List addresses.

        `GET /api/fabric/addresses`
        """
        return cast("shapes.Addresses", self._sender.send("GET", "/api/fabric/addresses"))

    def list_conference_room(
        self, *, name: str | None = None, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.ConferenceRooms:
        """List conference rooms.

        `GET /api/fabric/resources/conference_rooms`
        """
        return cast(
            "shapes.ConferenceRooms",
            self._sender.send(
                "GET",
                "/api/fabric/resources/conference_rooms",
                query={"name": name, "page_size": page_size, "page_token": page_token},
            ),
        )

    def list_conference_room_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a conference room.

        `GET /api/fabric/resources/conference_rooms/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/fabric/resources/conference_rooms/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def list_phone_number(
        self, *, number: str | None = None, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.PhoneNumbers:
        """List phone numbers.

        `GET /api/phone_numbers`
        """
        return cast(
            "shapes.PhoneNumbers",
            self._sender.send(
                "GET",
                "/api/phone_numbers",
                query={"number": number, "page_size": page_size, "page_token": page_token},
            ),
        )

    def list_phone_number_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a phone number.

        `GET /api/phone_numbers/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/phone_numbers/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def list_resource_addresses(self, id: str) -> shapes.Addresses:
        """The addresses of a resource.

        `GET /api/fabric/resources/{id}/addresses`
        """
        return cast(
            "shapes.Addresses", self._sender.send("GET", path_of("/api/fabric/resources/{id}/addresses", id))
        )

    def list_resources(self) -> shapes.Resources:
        """List resources of every kind.

        `GET /api/fabric/resources`
        """
        return cast("shapes.Resources", self._sender.send("GET", "/api/fabric/resources"))

    def list_sip_endpoint(
        self, *, page_size: int | None = None, page_token: str | None = None, username: str | None = None
    ) -> shapes.SipEndpoints:
        """List SIP endpoints.

        `GET /api/fabric/resources/sip_endpoints`
        """
        return cast(
            "shapes.SipEndpoints",
            self._sender.send(
                "GET",
                "/api/fabric/resources/sip_endpoints",
                query={"page_size": page_size, "page_token": page_token, "username": username},
            ),
        )

    def list_sip_endpoint_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a SIP endpoint.

        `GET /api/fabric/resources/sip_endpoints/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/fabric/resources/sip_endpoints/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def list_sip_gateway(
        self, *, name: str | None = None, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.SipGateways:
        """List SIP gateways.

        `GET /api/fabric/resources/sip_gateways`
        """
        return cast(
            "shapes.SipGateways",
            self._sender.send(
                "GET",
                "/api/fabric/resources/sip_gateways",
                query={"name": name, "page_size": page_size, "page_token": page_token},
            ),
        )

    def list_sip_gateway_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a SIP gateway.

        `GET /api/fabric/resources/sip_gateways/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/fabric/resources/sip_gateways/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def list_subscriber(
        self,
        *,
        email: str | None = None,
        extension: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        reference: str | None = None,
    ) -> shapes.Subscribers:
        """List subscribers.

        `GET /api/fabric/resources/subscribers`
        """
        return cast(
            "shapes.Subscribers",
            self._sender.send(
                "GET",
                "/api/fabric/resources/subscribers",
                query={
                    "email": email,
                    "extension": extension,
                    "page_size": page_size,
                    "page_token": page_token,
                    "reference": reference,
                },
            ),
        )

    def list_subscriber_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a subscriber.

        `GET /api/fabric/resources/subscribers/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/fabric/resources/subscribers/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def list_subscriber_sip_endpoints(self, id: str) -> shapes.SubscriberSipEndpoints:
        """List a subscriber's SIP endpoints.

        `GET /api/fabric/resources/subscribers/{id}/sip_endpoints`
        """
        return cast(
            "shapes.SubscriberSipEndpoints",
            self._sender.send("GET", path_of("/api/fabric/resources/subscribers/{id}/sip_endpoints", id)),
        )

    def list_swml_script(
        self, *, name: str | None = None, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.SwmlScripts:
        """List SWML scripts.

        `GET /api/fabric/resources/swml_scripts`
        """
        return cast(
            "shapes.SwmlScripts",
            self._sender.send(
                "GET",
                "/api/fabric/resources/swml_scripts",
                query={"name": name, "page_size": page_size, "page_token": page_token},
            ),
        )

    def list_swml_script_addresses(
        self, id: str, *, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Addresses:
        """The addresses of a SWML script.

        `GET /api/fabric/resources/swml_scripts/{id}/addresses`
        """
        return cast(
            "shapes.Addresses",
            self._sender.send(
                "GET",
                path_of("/api/fabric/resources/swml_scripts/{id}/addresses", id),
                query={"page_size": page_size, "page_token": page_token},
            ),
        )

    def replace_conference_room(
        self, id: str, body: shapes.PatchedRoomFields | None = None
    ) -> shapes.ConferenceRoom:
        """Change a conference room.

        `PUT /api/fabric/resources/conference_rooms/{id}`
        """
        return cast(
            "shapes.ConferenceRoom",
            self._sender.send(
                "PUT",
                path_of("/api/fabric/resources/conference_rooms/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def replace_phone_number(
        self, id: str, body: shapes.PatchedNumberFields | None = None
    ) -> shapes.PhoneNumber:
        """Change a phone number.

        `PUT /api/phone_numbers/{id}`
        """
        return cast(
            "shapes.PhoneNumber",
            self._sender.send(
                "PUT", path_of("/api/phone_numbers/{id}", id), body=cast(Mapping[str, Any] | None, body)
            ),
        )

    def replace_sip_endpoint(
        self, id: str, body: shapes.PatchedEndpointFields | None = None
    ) -> shapes.SipEndpoint:
        """Change a SIP endpoint.

        `PUT /api/fabric/resources/sip_endpoints/{id}`
        """
        return cast(
            "shapes.SipEndpoint",
            self._sender.send(
                "PUT",
                path_of("/api/fabric/resources/sip_endpoints/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def replace_sip_gateway(
        self, id: str, body: shapes.PatchedGatewayFields | None = None
    ) -> shapes.SipGateway:
        """Change a SIP gateway.

        `PUT /api/fabric/resources/sip_gateways/{id}`
        """
        return cast(
            "shapes.SipGateway",
            self._sender.send(
                "PUT",
                path_of("/api/fabric/resources/sip_gateways/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def replace_subscriber(
        self, id: str, body: shapes.PatchedSubscriberFields | None = None
    ) -> shapes.Subscriber:
        """Change a subscriber.

        `PUT /api/fabric/resources/subscribers/{id}`
        """
        return cast(
            "shapes.Subscriber",
            self._sender.send(
                "PUT",
                path_of("/api/fabric/resources/subscribers/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def replace_subscriber_sip_endpoint(
        self, id: str, endpoint_id: str, body: shapes.PatchedEndpointFields | None = None
    ) -> shapes.SubscriberSipEndpoint:
        """Change a subscriber's SIP endpoint.

        `PUT /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`
        """
        return cast(
            "shapes.SubscriberSipEndpoint",
            self._sender.send(
                "PUT",
                path_of(
                    "/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}", id, endpoint_id
                ),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def replace_swml_script(
        self, id: str, body: shapes.PatchedScriptFields | None = None
    ) -> shapes.SwmlScript:
        """Change a SWML script.

        `PUT /api/fabric/resources/swml_scripts/{id}`
        """
        return cast(
            "shapes.SwmlScript",
            self._sender.send(
                "PUT",
                path_of("/api/fabric/resources/swml_scripts/{id}", id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def subscriber_info(self) -> shapes.SubscriberInfo:
        """Read the subscriber of the token.

        `GET /api/fabric/subscriber/info`
        """
        return cast("shapes.SubscriberInfo", self._sender.send("GET", "/api/fabric/subscriber/info"))


class Events:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self, *, after: str | None = None, page_size: int | None = None, types: str | None = None
    ) -> shapes.Log:
        """The project's events after a cursor, oldest first.

        `GET /api/events`
        """
        return cast(
            "shapes.Log",
            self._sender.send(
                "GET", "/api/events", query={"after": after, "page_size": page_size, "types": types}
            ),
        )


class History:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        direction: str | None = None,
        missed: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> shapes.History:
        """The holder's own calls, newest first.

        `GET /api/history`
        """
        return cast(
            "shapes.History",
            self._sender.send(
                "GET",
                "/api/history",
                query={
                    "direction": direction,
                    "missed": missed,
                    "page_size": page_size,
                    "page_token": page_token,
                },
            ),
        )

    def seen(self, *, idempotency_key: str | None = None) -> shapes.HistorySeen:
        """Mark missed calls as seen.

        `POST /api/history/seen`
        """
        return cast("shapes.HistorySeen", self._sender.send("POST", "/api/history/seen", key=idempotency_key))


class Keys:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(self, body: shapes.KeyFields, *, idempotency_key: str | None = None) -> shapes.NewKey:
        """Create an API key, shown only once.

        `POST /api/keys`
        """
        return cast(
            "shapes.NewKey",
            self._sender.send(
                "POST", "/api/keys", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def delete(self, key_id: str) -> None:
        """Revoke an API key: refused everywhere within 2 s.

        `DELETE /api/keys/{key_id}`
        """
        self._sender.send("DELETE", path_of("/api/keys/{key_id}", key_id))

    def list(self) -> shapes.Keys:
        """The project's API keys.

        `GET /api/keys`
        """
        return cast("shapes.Keys", self._sender.send("GET", "/api/keys"))


class PhoneCalls:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def balance(self) -> shapes.Balance:
        """The project's balance and limits for phone calls.

        `GET /api/balance`
        """
        return cast("shapes.Balance", self._sender.send("GET", "/api/balance"))


class Push:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def key(self) -> shapes.PushKey:
        """Read the public key for Web Push.

        `GET /api/push/key`
        """
        return cast("shapes.PushKey", self._sender.send("GET", "/api/push/key"))

    def subscribe(self, body: shapes.NewPushSubscription) -> shapes.PushSubscription:
        """Subscribe a browser to push messages about calls.

        `PUT /api/push/subscription`
        """
        return cast(
            "shapes.PushSubscription",
            self._sender.send("PUT", "/api/push/subscription", body=cast(Mapping[str, Any] | None, body)),
        )

    def unsubscribe(self) -> None:
        """Delete the push subscription of a browser, or all of them.

        `DELETE /api/push/subscription`
        """
        self._sender.send("DELETE", "/api/push/subscription")


class Recordings:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def delete(self, recording_id: str) -> None:
        """Delete a recording and its file.

        `DELETE /api/recordings/{recording_id}`
        """
        self._sender.send("DELETE", path_of("/api/recordings/{recording_id}", recording_id))

    def download(self, recording_id: str, *, signature: str | None = None) -> bytes:
        """Download a recording.

        `GET /api/recordings/{recording_id}/download`
        """
        return self._sender.fetch(
            "GET",
            path_of("/api/recordings/{recording_id}/download", recording_id),
            query={"signature": signature},
        )

    def get(self, recording_id: str) -> shapes.Recording:
        """One recording, with a link to download it.

        `GET /api/recordings/{recording_id}`
        """
        return cast(
            "shapes.Recording",
            self._sender.send("GET", path_of("/api/recordings/{recording_id}", recording_id)),
        )

    def list(
        self, *, call_id: str | None = None, page_size: int | None = None, page_token: str | None = None
    ) -> shapes.Recordings:
        """Recordings, newest first.

        `GET /api/recordings`
        """
        return cast(
            "shapes.Recordings",
            self._sender.send(
                "GET",
                "/api/recordings",
                query={"call_id": call_id, "page_size": page_size, "page_token": page_token},
            ),
        )

    def transcribe(
        self,
        recording_id: str,
        body: shapes.TranscribeRecording | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> shapes.Recording:
        """Transcribe a recording.

        `POST /api/recordings/{recording_id}/transcribe`
        """
        return cast(
            "shapes.Recording",
            self._sender.send(
                "POST",
                path_of("/api/recordings/{recording_id}/transcribe", recording_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )


class Rooms:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def get(self, name: str) -> shapes.RoomState:
        """Read a room and its members.

        `GET /api/rooms/{name}`
        """
        return cast("shapes.RoomState", self._sender.send("GET", path_of("/api/rooms/{name}", name)))

    def member_verb(
        self,
        name: str,
        leg_id: str,
        verb: str,
        body: shapes.MemberVerb | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> shapes.RoomState:
        """Mute, unmute, deafen, undeafen or remove a member, or change its volume.

        `POST /api/rooms/{name}/members/{leg_id}/{verb}`
        """
        return cast(
            "shapes.RoomState",
            self._sender.send(
                "POST",
                path_of("/api/rooms/{name}/members/{leg_id}/{verb}", name, leg_id, verb),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def verb(
        self, name: str, verb: str, body: shapes.RoomVerb | None = None, *, idempotency_key: str | None = None
    ) -> shapes.RoomAnswer:
        """Lock, unlock or end a room, or play, speak or record in it.

        `POST /api/rooms/{name}/{verb}`
        """
        return cast(
            "shapes.RoomAnswer",
            self._sender.send(
                "POST",
                path_of("/api/rooms/{name}/{verb}", name, verb),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )


class Tokens:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create_embed(
        self, body: shapes.EmbedFields | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Embed:
        """Create an embed token.

        `POST /api/fabric/embeds`
        """
        return cast(
            "shapes.Embed",
            self._sender.send(
                "POST", "/api/fabric/embeds", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def create_guest_token(
        self, body: shapes.GuestFields, *, idempotency_key: str | None = None
    ) -> shapes.TokenPair:
        """Create a guest token.

        `POST /api/fabric/guests/tokens`
        """
        return cast(
            "shapes.TokenPair",
            self._sender.send(
                "POST",
                "/api/fabric/guests/tokens",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_invite(self, body: shapes.InviteFields, *, idempotency_key: str | None = None) -> shapes.Token:
        """Create an invite token for one address.

        `POST /api/fabric/subscriber/invites`
        """
        return cast(
            "shapes.Token",
            self._sender.send(
                "POST",
                "/api/fabric/subscriber/invites",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def create_subscriber_token(
        self, body: shapes.TokenFields, *, idempotency_key: str | None = None
    ) -> shapes.SubscriberToken:
        """Create a subscriber token.

        `POST /api/fabric/subscribers/tokens`
        """
        return cast(
            "shapes.SubscriberToken",
            self._sender.send(
                "POST",
                "/api/fabric/subscribers/tokens",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def delete_embed(self, id: str) -> None:
        """Delete an embed token.

        `DELETE /api/fabric/embeds/{id}`
        """
        self._sender.send("DELETE", path_of("/api/fabric/embeds/{id}", id))

    def get_embed(self, id: str) -> shapes.Embed:
        """Read an embed token.

        `GET /api/fabric/embeds/{id}`
        """
        return cast("shapes.Embed", self._sender.send("GET", path_of("/api/fabric/embeds/{id}", id)))

    def list_embeds(self) -> shapes.Embeds:
        """List embed tokens.

        `GET /api/fabric/embeds`
        """
        return cast("shapes.Embeds", self._sender.send("GET", "/api/fabric/embeds"))

    def refresh_token(
        self, body: shapes.RefreshFields, *, idempotency_key: str | None = None
    ) -> shapes.TokenPair:
        """Refresh a token.

        `POST /api/fabric/subscribers/tokens/refresh`
        """
        return cast(
            "shapes.TokenPair",
            self._sender.send(
                "POST",
                "/api/fabric/subscribers/tokens/refresh",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def revoke_token(
        self, body: shapes.RevokeFields | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Revoked:
        """Revoke tokens.

        `POST /api/tokens/revoke`
        """
        return cast(
            "shapes.Revoked",
            self._sender.send(
                "POST", "/api/tokens/revoke", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def trade_embed_token(
        self, body: shapes.TradeFields, *, idempotency_key: str | None = None
    ) -> shapes.Token:
        """Exchange an embed token for a guest token.

        `POST /api/fabric/embeds/tokens`
        """
        return cast(
            "shapes.Token",
            self._sender.send(
                "POST",
                "/api/fabric/embeds/tokens",
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )


class Webhooks:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def change(self, webhook_id: str, body: shapes.PatchedWebhookChange | None = None) -> shapes.Webhook:
        """Change an endpoint.

        `PATCH /api/webhooks/{webhook_id}`
        """
        return cast(
            "shapes.Webhook",
            self._sender.send(
                "PATCH",
                path_of("/api/webhooks/{webhook_id}", webhook_id),
                body=cast(Mapping[str, Any] | None, body),
            ),
        )

    def create(
        self, body: shapes.NewWebhook, *, idempotency_key: str | None = None
    ) -> shapes.WebhookWithSecret:
        """Add an endpoint.

        `POST /api/webhooks`
        """
        return cast(
            "shapes.WebhookWithSecret",
            self._sender.send(
                "POST", "/api/webhooks", body=cast(Mapping[str, Any] | None, body), key=idempotency_key
            ),
        )

    def delete(self, webhook_id: str) -> None:
        """Remove an endpoint.

        `DELETE /api/webhooks/{webhook_id}`
        """
        self._sender.send("DELETE", path_of("/api/webhooks/{webhook_id}", webhook_id))

    def deliveries(self, webhook_id: str) -> shapes.Deliveries:
        """List deliveries.

        `GET /api/webhooks/{webhook_id}/deliveries`
        """
        return cast(
            "shapes.Deliveries",
            self._sender.send("GET", path_of("/api/webhooks/{webhook_id}/deliveries", webhook_id)),
        )

    def get(self, webhook_id: str) -> shapes.Webhook:
        """One endpoint.

        `GET /api/webhooks/{webhook_id}`
        """
        return cast(
            "shapes.Webhook", self._sender.send("GET", path_of("/api/webhooks/{webhook_id}", webhook_id))
        )

    def list(self) -> shapes.Webhooks:
        """Webhook endpoints.

        `GET /api/webhooks`
        """
        return cast("shapes.Webhooks", self._sender.send("GET", "/api/webhooks"))

    def replay(
        self, webhook_id: str, body: shapes.Replay | None = None, *, idempotency_key: str | None = None
    ) -> shapes.Replayed:
        """Replay the events after a cursor or a time.

        `POST /api/webhooks/{webhook_id}/replay`
        """
        return cast(
            "shapes.Replayed",
            self._sender.send(
                "POST",
                path_of("/api/webhooks/{webhook_id}/replay", webhook_id),
                body=cast(Mapping[str, Any] | None, body),
                key=idempotency_key,
            ),
        )

    def resend(
        self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None
    ) -> shapes.Delivery:
        """Send a delivery again.

        `POST /api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend`
        """
        return cast(
            "shapes.Delivery",
            self._sender.send(
                "POST",
                path_of(
                    "/api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", webhook_id, delivery_id
                ),
                key=idempotency_key,
            ),
        )

    def rotate(self, webhook_id: str, *, idempotency_key: str | None = None) -> shapes.WebhookWithSecret:
        """Create a new signing secret.

        `POST /api/webhooks/{webhook_id}/rotate_secret`
        """
        return cast(
            "shapes.WebhookWithSecret",
            self._sender.send(
                "POST", path_of("/api/webhooks/{webhook_id}/rotate_secret", webhook_id), key=idempotency_key
            ),
        )

    def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> shapes.Delivery:
        """Send a test event.

        `POST /api/webhooks/{webhook_id}/test`
        """
        return cast(
            "shapes.Delivery",
            self._sender.send(
                "POST", path_of("/api/webhooks/{webhook_id}/test", webhook_id), key=idempotency_key
            ),
        )


class Resources:
    def __init__(self, sender: Sender) -> None:
        self.alerts = Alerts(sender)
        self.calls = Calls(sender)
        self.directory = Directory(sender)
        self.events = Events(sender)
        self.history = History(sender)
        self.keys = Keys(sender)
        self.phone_calls = PhoneCalls(sender)
        self.push = Push(sender)
        self.recordings = Recordings(sender)
        self.rooms = Rooms(sender)
        self.tokens = Tokens(sender)
        self.webhooks = Webhooks(sender)
