"""SWML scripts as a resource."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from subscribers import provisioning, script_checks
from subscribers.api.fields import AsStored, Text, WebAddress
from subscribers.api.shapes import Resource
from subscribers.models import Script

MAX_CONTENTS = 200_000


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class Contents(AsStored[str]):
    """A SWML document: text in JSON or YAML, or the JSON object itself."""

    def to_internal_value(self, data: object) -> str:
        text = data if isinstance(data, str) else json.dumps(data) if isinstance(data, dict) else ""
        if not 0 < len(text) <= MAX_CONTENTS:
            raise serializers.ValidationError("Must be a SWML document.", code="invalid_script")
        if (fault := script_checks.fault(text)) is not None:
            raise serializers.ValidationError(fault, code="invalid_script")
        return text


class ScriptFields(serializers.Serializer[Any]):
    name = Text(200, required=True)
    display_name = Text(200)
    contents = Contents(required=True)
    status_callback_url = WebAddress()
    context = serializers.ChoiceField(("public", "private"), required=False)  # type: ignore[assignment]


class ScriptShape(Resource[Script]):
    model = Script
    type_name = body_key = "swml_script"
    collection = "swml_scripts"
    fields = ScriptFields
    filters = ("name",)

    def body(self, row: Script) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "name": row.name,
            "display_name": row.name,
            "contents": row.contents,
            "request_url": None,
            "status_callback_url": row.status_callback_url or None,
            "status_callback_method": "POST",
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> Script:
        return provisioning.create_script(project_id, _columns(data), data.get("context", "public"))

    def change(self, row: Script, data: dict[str, Any]) -> Script:
        return provisioning.change_script(row, _columns(data))

    def remove(self, row: Script) -> None:
        provisioning.remove(row)


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    columns = ("name", "contents", "status_callback_url")
    found: dict[str, Any] = {name: data[name] for name in columns if name in data}
    if data.get("display_name"):
        found.setdefault("name", data["display_name"])
    return found
