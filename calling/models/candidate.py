"""Trickled ICE candidates on their way from a device's socket to the worker that holds its peer."""

from __future__ import annotations

from django.db import models


class IceCandidate(models.Model):
    """One candidate of a device, or (`done`) its word that no more come.

    A worker reads the rows of its peers by growing id; `serial` is the offer they belong to.
    """

    id = models.BigAutoField(primary_key=True)
    peer_id = models.UUIDField()
    serial = models.IntegerField(default=1)
    candidate = models.JSONField(
        default=dict, help_text="{candidate, sdp_mid, sdp_m_line_index}; empty when done"
    )
    done = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["peer_id", "id"], name="candidate_peer"),
            models.Index(fields=["created_at"], name="candidate_age"),
        ]
