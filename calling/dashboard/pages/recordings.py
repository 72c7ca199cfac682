"""The sound of a recording for the player on the call page."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from calling.api.recordings import TYPES
from calling.dashboard.access import Staff, as_uuid, page, record
from calling.media.recording import store
from calling.models import Recording


@page()
def sound(request: HttpRequest, staff: Staff, recording_id: str) -> HttpResponse:
    row = get_object_or_404(Recording, pk=as_uuid(recording_id), project=staff.project)
    found = store.fetch(row)
    if found is None:
        raise Http404
    record(request, staff, "recording.listen", row.pk, call=str(row.call_id))
    kind = TYPES.get(row.format, "application/octet-stream")
    return FileResponse(found, content_type=kind)  # type: ignore[return-value]
