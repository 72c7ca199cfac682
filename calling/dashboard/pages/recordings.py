"""The sound of a recording for the player on the call page, and its waveform where that is asked for."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404

import clock
from calling.api.recordings import TYPES
from calling.dashboard import byte_range
from calling.dashboard.access import Staff, as_uuid, page, record
from calling.media.recording import store
from calling.models import Recording, StaffAction

SAME_LISTENING = timedelta(hours=1)


@page()
def sound(request: HttpRequest, staff: Staff, recording_id: str) -> HttpResponse:
    row = get_object_or_404(Recording, pk=as_uuid(recording_id), project=staff.project)
    found = store.fetch(row)
    if found is None:
        raise Http404
    wanted = request.headers.get("Range", "")
    if wanted in ("", "bytes=0-") or not listens(staff, row):
        record(request, staff, "recording.listen", row.pk, call=str(row.call_id))
    return byte_range.answer(found, wanted, TYPES.get(row.format, "application/octet-stream"))


def listens(staff: Staff, row: Recording) -> bool:
    """Whether it is noted that they listen to it: going to another place is the same listening."""
    lately = clock.now() - SAME_LISTENING
    noted = StaffAction.objects.filter(subject=str(row.pk), action="recording.listen", user=staff.user)
    return noted.filter(at__gt=lately).exists()


@page()
def waveform(request: HttpRequest, staff: Staff, recording_id: str) -> HttpResponse:
    """`{channels: [[peak, …], …]}`, a peak from 0 to 255."""
    row = get_object_or_404(Recording, pk=as_uuid(recording_id), project=staff.project)
    if row.waveform is None:
        raise Http404
    peaks = list(bytes(row.waveform))
    return JsonResponse({"channels": [peaks[at :: row.channels] for at in range(row.channels)]})
