"""`/api/recordings`: list, one, download (with credentials or a signed link of five minutes), delete."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import FileResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.api import operation_schema, schema
from calling.api.view import SwitchboardView
from calling.calls import payloads
from calling.commands import leg_selection, operation_params, redactions, speech_params
from calling.commands.params import Params
from calling.media.recording import store as recording_store
from calling.media.recording import transcripts
from rest import errors, links, pagination
from rest.known_names import query_of
from subscribers import replicas
from tokens.subjects import ApiKey

SALT = "callwright.recording"
LINK_SECONDS = 300
TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


def payload(row: models.Recording, request: Request, *, whole: bool = True) -> dict[str, Any]:
    """`url` needs no credentials for five minutes; None while there is nothing to fetch. Not `whole`: without
    the words of the transcript."""
    link = None
    if row.state in ("finished", "partial"):
        signature = signing.dumps({"recording": str(row.id), "project": str(row.project_id)}, salt=SALT)
        link = links.absolute(f"/api/recordings/{row.id}/download?signature={signature}")
    return payloads.recording_payload(row, link, transcripts.shown(row, whole=whole))


def recording(key: ApiKey, recording_id: str) -> models.Recording:
    row = models.Recording.objects.filter(
        pk=leg_selection.uuid_or_404(recording_id), project_id=key.project_id
    ).first()
    if row is None:
        raise errors.NotFound
    return row


class RecordingsView(SwitchboardView):
    @extend_schema(
        operation_id="recordings_list",
        summary="Recordings, newest first",
        parameters=[schema.query("call_id", "only the recordings of this call"), *schema.PAGING],
        responses={200: operation_schema.Recordings, **schema.ERRORS},
        tags=["recordings"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        key = self.key(request)
        form = Params(query_of(request))
        call_id = form.uuid("call_id")
        form.check()
        rows = models.Recording.objects.filter(project_id=key.project_id)
        if call_id is not None:
            rows = rows.filter(call_id=call_id)
        return pagination.page(request, rows, lambda row: payload(row, request, whole=False))


class RecordingView(SwitchboardView):
    @extend_schema(
        operation_id="recordings_get",
        summary="One recording, with a link to download it",
        responses={200: operation_schema.Recording, **schema.ERRORS},
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
            raise errors.Conflict("not_allowed", "The recording is still running (state: recording).")
        recording_store.forget(row)
        row.delete()
        return Response(status=204)


class TranscribeView(SwitchboardView):
    @extend_schema(
        operation_id="recordings_transcribe",
        summary="Transcribe a recording",
        request=operation_schema.TranscribeRecording,
        responses={200: operation_schema.Recording, **schema.ERRORS},
        tags=["recordings"],
    )
    def post(self, request: Request, recording_id: str) -> Response:
        row = recording(self.key(request), recording_id)
        form = self.form(request)
        speech_params.require_recogniser()
        control_id, params = operation_params.read("transcribe", form)
        params = redactions.filled(row.project_id, "transcribe", params)
        return Response(payload(transcripts.ask(row, params, control_id), request))


class DownloadView(SwitchboardView):
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="recordings_download",
        summary="Download a recording",
        parameters=[schema.query("signature", "from the recording's url, valid for 5 minutes")],
        responses={**{(200, kind): bytes for kind in TYPES.values()}, **schema.ERRORS},
        tags=["recordings"],
    )
    def get(self, request: Request, recording_id: str) -> FileResponse:
        signature = query_of(request).get("signature")
        if signature is not None:
            row = self.by_signature(recording_id, signature)
        elif request.auth is None:
            raise errors.Unauthorized
        else:
            row = recording(self.key(request), recording_id)
        query_of(request).check()  # before a file is opened
        found = recording_store.fetch(row)
        if found is None:
            raise errors.NotFound("The recording has no file.")
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
            raise errors.Forbidden("link_expired", "The link is invalid or has expired.") from error
        row = models.Recording.objects.filter(
            pk=leg_selection.uuid_or_404(recording_id), project_id=signed["project"]
        ).first()
        if row is None or signed["recording"] != str(row.id):
            raise errors.Forbidden("link_expired", "The link is invalid or has expired.")
        return row
