"""Strict fields for the directory's serializers: no value is quietly turned into another type."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from subscribers import addressing

CODECS = ("PCMU", "PCMA", "G722", "G729", "OPUS", "VP8", "H264")
_HEADER = re.compile(r"[xX]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,98}")


class Text(serializers.CharField):
    """A string; null is an empty one where the field may be left out."""

    def __init__(self, max_length: int = 200, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("allow_blank", not options["required"])
        super().__init__(max_length=max_length, **options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None and not self.required:
            return True, ""
        done: tuple[bool, Any] = super().validate_empty_values(data)
        return done

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.", code="invalid_parameter")
        text: str = super().to_internal_value(data)
        return text


class Pattern(Text):
    """A string of one fixed form."""

    def __init__(self, pattern: str, words: str, max_length: int = 200, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)
        self.pattern, self.words = re.compile(pattern, re.ASCII), words

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not self.pattern.fullmatch(text):
            raise serializers.ValidationError(self.words, code="invalid_parameter")
        return text


class Flag(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.", code="invalid_parameter")
        return data


class Whole(serializers.IntegerField):
    """A whole number between two bounds."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(min_value=low, max_value=high, **options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("Must be a whole number.", code="invalid_parameter")
        number: int = super().to_internal_value(data)
        return number


class Id(serializers.UUIDField):
    """A UUID as text; DRF's own field would take numbers too."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("allow_null", not options["required"])
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) != 36:
            raise serializers.ValidationError("Must be a UUID.", code="invalid_parameter")
        return super().to_internal_value(data)


class WebAddress(Text):
    """An http(s) URL; whether it may be fetched is asked when it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=2000, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()
        except ValueError:
            good = False
        if text and not good:
            raise serializers.ValidationError("Must be an http or https URL.", code="not_an_http_url")
        return text


class TimeZone(Text):
    """A name of the IANA time zone database."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and text not in zoneinfo.available_timezones():
            raise serializers.ValidationError("Must be a time zone like Europe/Stockholm.")
        return text


class Number(Text):
    """E.164."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=16, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return addressing.number(text) if text else ""
        except addressing.MalformedDestination as error:
            raise serializers.ValidationError(str(error), code="not_e164") from error


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Names(serializers.Field):  # type: ignore[type-arg]
    """A list of short strings, each changed and checked by `one`."""

    most = 50

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or len(data) > self.most:
            raise serializers.ValidationError(f"Must be a list of at most {self.most} strings.")
        if not all(isinstance(item, str) and len(item) <= 100 for item in data):
            raise serializers.ValidationError("Must be a list of strings.")
        return [self.one(item) for item in data]

    def to_representation(self, value: Any) -> Any:
        return value

    def one(self, item: str) -> str:
        return item


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Codecs(Names):
    """Codec names, also as one string with commas."""

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, str):
            data = [item.strip() for item in data.split(",") if item.strip()]
        return super().to_internal_value(data)

    def one(self, item: str) -> str:
        name = item.partition("@")[0].strip().upper()
        if name not in CODECS:
            words = f"Codecs are {', '.join(CODECS)}."
            raise serializers.ValidationError(words, code="invalid_codecs_format")
        return name


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Networks(Names):
    """IP addresses or networks in CIDR form."""

    def one(self, item: str) -> str:
        try:
            return str(ipaddress.ip_network(item)) if "/" in item else str(ipaddress.ip_address(item))
        except ValueError:
            raise serializers.ValidationError("Must be IP addresses or networks.") from None


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Prefixes(Names):
    """Beginnings of E.164 numbers."""

    def one(self, item: str) -> str:
        if not re.fullmatch(r"\+[0-9]{0,15}", item, re.ASCII):
            raise serializers.ValidationError("Prefixes are + and up to 15 digits.")
        return item


@extend_schema_field({"type": "object"})
class SipHeaders(serializers.Field):  # type: ignore[type-arg]
    """At most 20 `x-` headers without CR or LF (contract 2)."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict) or len(data) > 20:
            raise serializers.ValidationError("Must be an object of at most 20 headers.")
        for name, value in data.items():
            fits = isinstance(value, str) and len(value) <= 1024 and value.isprintable()
            if not _HEADER.fullmatch(name) or not fits:
                raise serializers.ValidationError("Headers start with x- and have printable values.")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object"})
class Json(serializers.Field):  # type: ignore[type-arg]
    """A JSON object, as it is."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or len(str(data)) > 8192:
            raise serializers.ValidationError("Must be a small JSON object.")
        return data

    def to_representation(self, value: Any) -> Any:
        return value
