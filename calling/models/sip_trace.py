"""SIP traces: the messages of calls, kept while a project's owner has that switched on."""

from __future__ import annotations

from django.db import models


class SipTracing(models.Model):
    """Until when a project's calls are traced, and how much is kept of it; no row: never asked for.

    `bytes` grows with what is written and is counted anew once an hour, so it is never too low for long.
    """

    project = models.OneToOneField(
        "subscribers.Project", primary_key=True, on_delete=models.CASCADE, related_name="sip_tracing"
    )
    until = models.DateTimeField()
    bytes = models.BigIntegerField(default=0)


class SipMessage(models.Model):
    """One SIP message of a call, as it was on the wire but for its secrets (calling.sip.edge.trace_secrets).

    `data` may be cut; `size` is the length it had. No foreign key to the call: writing a trace waits for no
    lock on a call. Whoever deletes a call deletes these.
    """

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    call_id = models.UUIDField()
    leg_id = models.UUIDField()
    at = models.DateTimeField(help_text="when the edge sent or received it")
    outgoing = models.BooleanField(help_text="from the platform to the far end")
    transport = models.CharField(max_length=3, help_text="UDP, TCP, TLS, WS or WSS")
    local_host = models.GenericIPAddressField()
    local_port = models.IntegerField()
    remote_host = models.GenericIPAddressField()
    remote_port = models.IntegerField()
    size = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["call_id", "at"], name="sip_message_of_call"),
            models.Index(fields=["at"], name="sip_message_by_age"),
        ]
