"""`/api/recordings`: list, one, download (with credentials or a signed link of five minutes), delete."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import FileResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models, payloads, store
from calling.api import schema
from calling.api.view import SwitchboardView
from calling.fields import Form
from calling.media import recording_store
from subscribers.http import pages, problems
from tokens.subjects import ApiKey

SALT = "callwright.recording"
LINK_SECONDS = 300
TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


def payload(row: models.Recording, request: Request) -> dict[str, Any]:
    """`url` needs no credentials for five minutes; None while there is nothing to fetch."""
    link = None
    if row.state in ("finished", "partial"):
        signature = signing.dumps({"recording": str(row.id), "project": str(row.project_id)}, salt=SALT)
        # By the name with which this client reached us: the domain is the browsers'.
        link = request.build_absolute_uri(f"/api/recordings/{row.id}/download?signature={signature}")
    return payloads.recording_payload(row, link)


def recording(key: ApiKey, recording_id: str) -> models.Recording:
    row = models.Recording.objects.filter(
        pk=store.uuid_or_404(recording_id), project_id=key.project_id
    ).first()
    if row is None:
        raise problems.NotFound()
    return row


class RecordingsView(SwitchboardView):
    @extend_schema(
        operation_id="recordings_list",
        summary="Recordings, newest first",
        parameters=[schema.query("call_id", "only of this call"), *schema.PAGING],
        responses={200: schema.Recordings, **schema.ERRORS},
        tags=["recordings"],
    )
    def get(self, request: Request) -> Response:
        key = self.key(request)
        form = Form({name: value for name, value in request.query_params.items() if value != ""})
        call_id = form.uuid("call_id")
        form.check()
        rows = models.Recording.objects.filter(project_id=key.project_id)
        if call_id is not None:
            rows = rows.filter(call_id=call_id)
        return pages.page(request, rows, lambda row: payload(row, request))


class RecordingView(SwitchboardView):
    @extend_schema(
        operation_id="recordings_get",
        summary="One recording, with a link to download it",
        responses={200: schema.Recording, **schema.ERRORS},
        tags=["recordings"],
    )
    def get(self, request: Request, recording_id: str) -> Response:
        return Response(payload(recording(self.key(request), recording_id), request))

    @extend_schema(
        operation_id="recordings_delete",
        summary="Delete a recording and its file",
        request=None,
        responses={204: None, **schema.ERRORS},
        tags=["recordings"],
    )
    def delete(self, request: Request, recording_id: str) -> Response:
        row = recording(self.key(request), recording_id)
        if row.state == "recording":
            raise problems.Conflict("not_allowed", "The recording is going on (state: recording).")
        recording_store.forget(row)
        row.delete()
        return Response(status=204)


class DownloadView(SwitchboardView):
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="recordings_download",
        summary="The sound itself, with credentials or a signature",
        parameters=[schema.query("signature", "from the recording's url, valid for 5 minutes")],
        responses={(200, "audio/*"): bytes, **schema.ERRORS},
        tags=["recordings"],
    )
    def get(self, request: Request, recording_id: str) -> FileResponse:
        signature = request.query_params.get("signature")
        if signature is not None:
            row = self.by_signature(recording_id, signature)
        elif request.auth is None:
            raise problems.Unauthorized()
        else:
            row = recording(self.key(request), recording_id)
        found = recording_store.fetch(row)
        if found is None:
            raise problems.NotFound("The recording has no file.")
        return FileResponse(
            found,
            as_attachment=True,
            filename=f"{row.id}.{row.format}",
            content_type=TYPES.get(row.format, "application/octet-stream"),
        )

    @staticmethod
    def by_signature(recording_id: str, signature: str) -> models.Recording:
        try:
            signed = signing.loads(signature, salt=SALT, max_age=LINK_SECONDS)
        except signing.BadSignature as error:
            raise problems.Forbidden("link_expired", "The link is not valid, or no longer.") from error
        row = models.Recording.objects.filter(
            pk=store.uuid_or_404(recording_id), project_id=signed["project"]
        ).first()
        if row is None or signed["recording"] != str(row.id):
            raise problems.Forbidden("link_expired", "The link is not valid, or no longer.")
        return row
