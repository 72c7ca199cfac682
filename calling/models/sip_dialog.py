"""SIP dialogs as rows, so that the BYE of a call can be sent after the process that carried it died."""

from __future__ import annotations

from django.db import models


class SipDialog(models.Model):
    """One SIP side of a leg. `id`: of the attempt (outgoing) or leg (incoming); inserting it claims it.

    `lease_until`: the edge that carries it lives; past that another one ends it from `dialog`.
    """

    id = models.UUIDField(primary_key=True)
    call_id = models.UUIDField(help_text="the call as it was claimed; the leg may move")
    leg_id = models.UUIDField()
    device_id = models.UUIDField(null=True)
    edge = models.UUIDField()
    direction = models.CharField(max_length=3, help_text="in or out")
    state = models.CharField(max_length=10, default="early")  # early confirmed ended
    dialog = models.JSONField(default=dict)
    media_source = models.CharField(
        max_length=45, null=True, help_text="behind a NAT: the address its sound may be learned from"
    )
    takes_info = models.BooleanField(null=True, help_text="the far end's Allow has INFO")
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["lease_until"], name="sip_dialog_live", condition=~models.Q(state="ended")),
        ]
